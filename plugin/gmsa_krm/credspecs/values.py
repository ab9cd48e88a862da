"""Checks of single values of Active Directory: names, SIDs and GUIDs.

Each function takes a text and returns its issues; each message says how to fix it.
"""

from __future__ import annotations

import re

from gmsa_krm.findings import error_issue, warning_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.findings import Issue

# Not compiled: `re` compiles and caches the few patterns that a run needs.
_DNS_LABEL = r"[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?"
DNS_NAME = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
GUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
SID = r"S-1-5-21-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10}"
# What Flux's postBuild and envsubst replace.
VARIABLE = r"\$\{[^{}]*\}"
# What examples have where a value belongs.
PLACEHOLDER = r"<[^<>]*>|(?<![A-Za-z])(?:REPLACE|CHANGE_?ME|YOUR)(?![a-z])[-_A-Z]*"
# Not allowed in sAMAccountName: [MS-ADTS] 3.1.1.6 and the SAM's own list.
NOT_IN_ACCOUNT = r'["/\\\[\]:;|=,+*?<>@\x00-\x1f\x7f-\x9f]'
# Not allowed in a NetBIOS domain name: [MS-NBTE] and the naming conventions of Active Directory.
NOT_IN_NETBIOS = r'[\\/:*?"<>|.\s\x00-\x1f\x7f-\x9f]'


def account(text: str) -> Iterable[Issue]:
    """A sAMAccountName without the trailing $ of a service account."""
    if any(mark in text for mark in ("${", "{{", "$(")) or text.startswith(("$", "#{")):
        yield error_issue("account-name", f"{text!a} is a variable that nothing has replaced; write the account")
    elif re.fullmatch(PLACEHOLDER, text):
        yield error_issue("account-name", f"{text!a} is a placeholder; write the account")
    elif "\\" in text:
        name = text.rpartition("\\")[2].rstrip("$")
        yield error_issue("account-name", f"{text} is DOMAIN\\name; give only the name: {name}")
    elif "@" in text:
        name = text.partition("@")[0].rstrip("$")
        yield error_issue("account-name", f"{text} is a user principal name; give the sAMAccountName: {name}")
    elif text.endswith("$"):
        name = text.rstrip("$")
        yield error_issue("account-name", f"{text} ends in $; a credential spec has the name without it: {name}")
    elif not text or re.search(NOT_IN_ACCOUNT, text) or text != text.strip() or not text.isprintable():
        message = f"{text!a} is not a sAMAccountName; give the name as Get-ADServiceAccount shows it, without $"
        yield error_issue("account-name", message)
    elif len(text) > 20:
        message = (
            f"{text} has {len(text)} characters, but a sAMAccountName has at most 20; this may be the display name or"
            " the DNS name, so give the sAMAccountName as Get-ADServiceAccount shows it"
        )
        yield error_issue("account-name", message)
    elif len(text) > 15:
        message = (
            f"{text} has {len(text)} characters; New-ADServiceAccount cuts or refuses names of more than 15, so check"
            " it with Get-ADServiceAccount"
        )
        yield warning_issue("account-name-length", message)


def domain_sid(text: str) -> Iterable[Issue]:
    if re.fullmatch(SID, text):
        if any(int(part) > 0xFFFFFFFF for part in text.split("-")[4:]):
            message = f"{text} has a number above 4294967295; copy the SID from `(Get-ADDomain).DomainSID.Value`"
            yield error_issue("domain-sid", message)
        return
    account_sid = re.fullmatch(rf"({SID})-[0-9]+", text)
    if account_sid:
        message = f"{text} is an account's SID (it ends in a RID); give the domain's: {account_sid[1]}"
        yield error_issue("account-sid", message)
    else:
        message = f"{text} is not a domain SID; give S-1-5-21-a-b-c, as `(Get-ADDomain).DomainSID.Value` shows it"
        yield error_issue("domain-sid", message)


def domain_guid(text: str) -> Iterable[Issue]:
    bare = text.strip("{}")
    if bare != text and re.fullmatch(GUID, bare):
        yield error_issue("domain-guid", f"{text} has braces; write a domain's GUID without them: {bare}")
    elif not re.fullmatch(GUID, text):
        message = (
            f"{text} is not a GUID; give `(Get-ADDomain).ObjectGUID`, such as 244818ae-87ac-4fcd-92ec-e79e5252348a"
        )
        yield error_issue("domain-guid", message)
    elif not text.strip("0-"):
        yield error_issue("domain-guid", f"{text} is the empty GUID; give `(Get-ADDomain).ObjectGUID`")


def plugin_guid(text: str) -> Iterable[Issue]:
    if re.fullmatch(GUID, text):
        message = f'{text} has no braces, and Windows does not call a plugin without them; write "{{{text}}}"'
        yield error_issue("plugin-guid", message)
    elif not (text.startswith("{") and text.endswith("}") and re.fullmatch(GUID, text[1:-1])):
        message = (
            f"{text} is not the GUID of a plugin; write it in braces, such as"
            ' "{CCC2A336-D7F3-4818-A213-272B7924213E}"'
        )
        yield error_issue("plugin-guid", message)


def dns_name(text: str) -> Iterable[Issue]:
    if text.endswith(".") and re.fullmatch(DNS_NAME, text[:-1]):
        yield error_issue("dns-name", f"{text} ends in a dot; write {text[:-1]}")
    elif not re.fullmatch(DNS_NAME, text) or len(text) > 253:
        yield error_issue("dns-name", f"{text!a} is not a DNS name; give the domain's, such as contoso.com")
    elif "." not in text:
        message = f"{text} has a single label, so it may be the NetBIOS name; give the DNS name, such as contoso.com"
        yield warning_issue("single-label-domain", message)


def netbios_name(text: str) -> Iterable[Issue]:
    if "." in text:
        likely = text.partition(".")[0].upper()[:15]
        message = (
            f"{text} is a DNS name; give the NetBIOS name, `(Get-ADDomain).NetBIOSName`, such as {likely or 'CONTOSO'}"
        )
        yield error_issue("netbios-name", message)
    elif not text or re.search(NOT_IN_NETBIOS, text) or not text.isprintable():
        message = f"{text!a} is not a NetBIOS name; give `(Get-ADDomain).NetBIOSName`, such as CONTOSO"
        yield error_issue("netbios-name", message)
    elif len(text) > 15:
        message = (
            f"{text} has {len(text)} characters, but a NetBIOS name has at most 15; give `(Get-ADDomain).NetBIOSName`"
        )
        yield error_issue("netbios-name", message)


def scope(text: str) -> Iterable[Issue]:
    """The DNS or NetBIOS name of a domain."""
    return dns_name(text) if "." in text else netbios_name(text)


def credspec_name(account: str) -> str | None:
    """The default name of an account's GMSACredentialSpec; None if the account has characters beyond RFC 1123's."""
    name = rfc1123_name(account) if account.isascii() else ""
    return f"gmsa-{name}" if name else None


def rfc1123_name(text: str) -> str:
    """`text` as an RFC 1123 subdomain, with - for everything but letters, digits and dots; "" if nothing is left."""
    labels = re.sub(r"[^a-z0-9.]+", "-", text.lower()).split(".")
    return ".".join(label for label in (label[:63].strip("-") for label in labels) if label)[:253]
