"""Checks of single values: Active Directory's names and numbers, Kubernetes names, durations.

Each is a function from the text to what is to be said of it: nothing, doubts, or what is wrong and the cure.
"""

from __future__ import annotations

import re

from gmsa_krm.config.fields import doubtful, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.config.fields import Remark

# Texts and not compiled: `re` compiles and keeps what a run needs, and most run few of the checks.
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LABEL_ONLY = _LABEL
_SERVICE_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_DNS_NAME = r"[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)*"
_GUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_SID = r"S-1-5-21-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10}"
_ACCOUNT_SID = r"(S-1-5-21-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10})-[0-9]+"
# Not allowed in sAMAccountName: [MS-ADTS] 3.1.1.6 and the SAM's own list.
_NOT_IN_ACCOUNT = r'["/\\\[\]:;|=,+*?<>@\x00-\x1f\x7f-\x9f]'
# Not allowed in a NetBIOS domain name: [MS-NBTE] and the naming conventions of Active Directory.
_NOT_IN_NETBIOS = r'[\\/:*?"<>|.\s\x00-\x1f\x7f-\x9f]'
_DURATION = r"(?:[0-9]{1,9}(?:h|m|s))+"
_DURATION_PART = r"([0-9]+)([hms])"
# A registry with or without port, a path, and a tag, a digest or both (distribution/reference).
_IMAGE = (
    r"[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?(?::[0-9]+)?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?P<tag>:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)


def account(text: str) -> Iterable[Remark]:
    """A sAMAccountName without the trailing $ of a service account."""
    if text.endswith("$"):
        yield wrong("account-name", f"{text} ends in $; a credential spec has the name without it: {text.rstrip('$')}")
    elif "\\" in text:
        yield wrong("account-name", f"{text} is DOMAIN\\name; give the name alone: {text.rpartition(chr(92))[2]}")
    elif "@" in text:
        yield wrong(
            "account-name", f"{text} is a user principal name; give the sAMAccountName: {text.partition('@')[0]}"
        )
    elif not text or re.search(_NOT_IN_ACCOUNT, text) or text != text.strip() or not text.isprintable():
        yield wrong(
            "account-name",
            f"{text!a} is no sAMAccountName; give the account's name as Get-ADServiceAccount shows it, without $",
        )
    elif len(text) > 20:
        yield wrong(
            "account-name",
            f"{text} has {len(text)} characters; a sAMAccountName has 20 at most, so this is the display or DNS name",
        )
    elif len(text) > 15:
        yield doubtful(
            "account-name-length",
            f"{text} has {len(text)} characters; above 15 New-ADServiceAccount cuts or refuses the name, check it with Get-ADServiceAccount",
        )


def domain_sid(text: str) -> Iterable[Remark]:
    of_account = re.fullmatch(_ACCOUNT_SID, text)
    if of_account:
        yield wrong("account-sid", f"{text} is an account's SID (it ends in a RID); give the domain's: {of_account[1]}")
    elif not re.fullmatch(_SID, text):
        yield wrong(
            "domain-sid", f"{text} is no domain SID; give S-1-5-21-a-b-c as `(Get-ADDomain).DomainSID.Value` shows it"
        )
    elif any(int(part) > 0xFFFFFFFF for part in text.split("-")[4:]):
        yield wrong("domain-sid", f"{text} has a number over 4294967295; copy it from `(Get-ADDomain).DomainSID.Value`")


def domain_guid(text: str) -> Iterable[Remark]:
    bare = text.strip("{}")
    if bare != text and re.fullmatch(_GUID, bare):
        yield wrong("domain-guid", f"{text} has braces; a domain's GUID has none: {bare}")
    elif not re.fullmatch(_GUID, text):
        yield wrong(
            "domain-guid",
            f"{text} is no GUID; give `(Get-ADDomain).ObjectGUID`, like 244818ae-87ac-4fcd-92ec-e79e5252348a",
        )
    elif not text.strip("0-"):
        yield wrong("domain-guid", f"{text} is the empty GUID; give `(Get-ADDomain).ObjectGUID`")


def plugin_guid(text: str) -> Iterable[Remark]:
    if re.fullmatch(_GUID, text):
        yield wrong(
            "plugin-guid", f'{text} has no braces, and without them the plugin is not called; write "{{{text}}}"'
        )
    elif not (text.startswith("{") and text.endswith("}") and re.fullmatch(_GUID, text[1:-1])):
        yield wrong(
            "plugin-guid",
            f'{text} is no plugin GUID; write it in braces, like "{{CCC2A336-D7F3-4818-A213-272B7924213E}}"',
        )


def dns_name(text: str) -> Iterable[Remark]:
    if text.endswith(".") and re.fullmatch(_DNS_NAME, text[:-1]):
        yield wrong("dns-name", f"{text} ends in a dot; write {text[:-1]}")
    elif not re.fullmatch(_DNS_NAME, text) or len(text) > 253:
        yield wrong("dns-name", f"{text!a} is no DNS name; give the domain's, like contoso.com")
    elif "." not in text:
        yield doubtful(
            "single-label-domain",
            f"{text} has a single label, so it may be the NetBIOS name; give the domain's DNS name, like contoso.com",
        )


def netbios_name(text: str) -> Iterable[Remark]:
    if "." in text:
        yield wrong(
            "netbios-name",
            f"{text} is a DNS name; give the NetBIOS name, `(Get-ADDomain).NetBIOSName`, like {text.partition('.')[0].upper()[:15]}",
        )
    elif not text or re.search(_NOT_IN_NETBIOS, text) or not text.isprintable():
        yield wrong("netbios-name", f"{text!a} is no NetBIOS name; give `(Get-ADDomain).NetBIOSName`, like CONTOSO")
    elif len(text) > 15:
        yield wrong(
            "netbios-name",
            f"{text} has {len(text)} characters; a NetBIOS name has 15 at most: `(Get-ADDomain).NetBIOSName`",
        )


def scope(text: str) -> Iterable[Remark]:
    """The DNS or NetBIOS name of a domain."""
    return dns_name(text) if "." in text else netbios_name(text)


def subdomain_name(text: str) -> Iterable[Remark]:
    """A name of most Kubernetes objects: an RFC 1123 subdomain."""
    if not re.fullmatch(_SUBDOMAIN, text) or len(text) > 253:
        yield wrong(
            "kubernetes-name",
            f"{text!a} is no RFC 1123 name (lower case, digits, - and .); write {_suggested_name(text) or 'one, like web-1'}",
        )


def label_name(text: str) -> Iterable[Remark]:
    """A name of a namespace: an RFC 1123 label."""
    if not re.fullmatch(_LABEL_ONLY, text):
        yield wrong(
            "kubernetes-name",
            f"{text!a} is no RFC 1123 label (lower case, digits and -, 63 characters); write {_suggested_name(text).replace('.', '-')[:63].strip('-') or 'one, like web-1'}",
        )


def service_name(text: str) -> Iterable[Remark]:
    """A name of a Service: an RFC 1035 label."""
    if not re.fullmatch(_SERVICE_NAME, text):
        yield wrong(
            "kubernetes-name",
            f"{text!a} cannot name a Service (a letter, then lower case, digits and -, 63 characters); write something like gmsa-webhook",
        )


def service_account(text: str) -> Iterable[Remark]:
    if text == "*":
        return ()
    return subdomain_name(text)


def label_selector(text: str) -> Iterable[Remark]:
    from gmsa_krm.config.selector import SelectorError, parse_selector

    try:
        if parse_selector(text):
            return
        yield wrong("label-selector", "is empty; write something like app=iis, or leave it out")
    except SelectorError as error:
        yield wrong(
            "label-selector",
            f"{str(error)!a} is no part of a label selector; write a=b, a!=b, a in (b,c), a notin (b), a, !a",
        )


def field_path(text: str) -> Iterable[Remark]:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*", text):
        yield wrong("field-path", f"{text!a} is no path of fields; write something like spec.template")


def mount_path(text: str) -> Iterable[Remark]:
    if not re.fullmatch(r"(?:[A-Za-z]:)?[/\\][-A-Za-z0-9_./\\ ]*", text) or ".." in text:
        yield wrong("mount-path", f"{text!a} is no absolute path; write something like /var/run/secrets/tokens")


def credspec_name(account: str) -> str | None:
    """The name of an account's credspec; None for one that has other letters than RFC 1123, or none at all."""
    suggested = _suggested_name(account) if account.isascii() else ""
    return f"gmsa-{suggested}" if suggested else None


def _suggested_name(text: str) -> str:
    """`text` as an RFC 1123 subdomain: lower case, everything else than letters, digits, - and . as -; "" if nothing is left."""
    labels = re.sub(r"[^a-z0-9.]+", "-", text.lower()).split(".")
    return ".".join(label for label in (label[:63].strip("-") for label in labels) if label)[:253]


def duration(text: str) -> Iterable[Remark]:
    if not re.fullmatch(_DURATION, text):
        yield wrong(
            "duration", f"{text!a} is no duration; write hours, minutes and seconds like 8760h or 1h30m (there is no d)"
        )
    elif not seconds(text):
        yield wrong("duration", f"{text} is no time at all; write something like 720h")
    elif seconds(text) > 3600 * 24 * 366 * 100:
        yield wrong("duration", f"{text} is more than a hundred years; write something like 8760h")


def seconds(text: str) -> int:
    """A duration that `duration` accepts, in seconds."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(_DURATION_PART, text))


def kube_version(text: str) -> Iterable[Remark]:
    if version_of(text) is None:
        yield wrong("kube-version", f'{text[:40]!a} is no version of Kubernetes; write it like "1.34", quoted')


def version_of(text: str) -> tuple[int, int] | None:
    """(1, 34) of "1.34", "v1.34.2" or "1.34+"; None if it is no version."""
    match = re.fullmatch(r"v?([0-9]{1,3})\.([0-9]{1,3})(?:\.[0-9]+)?(?:[+-][0-9A-Za-z.+-]*)?", text)
    return (int(match[1]), int(match[2])) if match else None


def image(text: str) -> Iterable[Remark]:
    match = re.fullmatch(_IMAGE, text)
    if not match:
        yield wrong("image", f"{text!a} is no image reference; write registry/path:tag or registry/path@sha256:digest")
    elif not match["digest"] and match["tag"] in (None, ":latest"):
        yield doubtful(
            "floating-image-tag", f"{text} has no fixed tag, so what runs may change without notice; name a version or a digest"
        )
