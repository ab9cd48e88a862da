"""Reads what the programs of a Windows container say about its logon to the domain, and explains it.

The chain is that of the Kubernetes gMSA guide: nltest /parentdomain, nslookup, nltest /query. nltest translates its
words, but neither numbers nor names of errors. The meanings are those of winerror.h, of KEP 689 and of Microsoft's
"Troubleshoot gMSAs for Windows containers".
"""

from __future__ import annotations

import re

_STATUS = re.compile(r"= ([0-9]+) 0x[0-9a-fA-F]+(?: (\w+))?")
_SEC = re.compile(r"\b(0x8009[0-9a-fA-F]{4}|0xc000[0-9a-fA-F]{4})\b", re.IGNORECASE)
_DOMAIN = re.compile(r"^[ \t]*([-\w.]+?)\.?[ \t]+\([0-9]+\)[ \t\r]*$", re.MULTILINE)
_NO_PROGRAM = re.compile(
    r"executable file not found|cannot find the file specified|is not recognized as|hcsshim::System::CreateProcess"
    r"|container failed during exec|no such file or directory",
    re.IGNORECASE,
)
ACCESS_DENIED = 5

_CCG = "on the node, Get-WinEvent -LogName Microsoft-Windows-Containers-CCG/Admin says why"
_REACH = "let the pod reach DNS and the domain controllers (ports 53, 88, 135, 389, 445, 49152 and up)"
_CLOCK = "synchronize the node's clock: w32tm /resync"
_READERS = (
    "add the node's computer account to the group that is in PrincipalsAllowedToRetrieveManagedPassword, and restart"
    f" the node; on a node that is not joined, check the plugin of HostAccountConfig; {_CCG}"
)
# By number: the name, what it means in a container with a gMSA, and the cure.
_MEANINGS = {
    ACCESS_DENIED: (
        "ERROR_ACCESS_DENIED",
        "the container's user may not ask netlogon",
        "run the workload as LocalSystem or NetworkService: only they have the gMSA's identity",
    ),
    1311: ("ERROR_NO_LOGON_SERVERS", "no domain controller lets the account log on", f"{_READERS}; {_REACH}"),
    1326: ("ERROR_LOGON_FAILURE", "the domain refuses the account's password", _READERS),
    1355: (
        "ERROR_NO_SUCH_DOMAIN",
        "there is no such domain, or no domain controller answers for it",
        f"check DnsName and NetBiosName of the credential spec; {_REACH}",
    ),
    1396: (
        "ERROR_WRONG_TARGET_NAME",
        "the target has another account than the one that was requested",
        "look for a duplicate SPN (setspn -X), and check MachineAccountName and Sid",
    ),
    1398: ("ERROR_TIME_SKEW", "the clocks of node and domain controller differ", _CLOCK),
    1722: (
        "RPC_S_SERVER_UNAVAILABLE",
        "netlogon does not answer: the container has not got its credential spec, or netlogon has stopped",
        f"look whether the pod's contents are those of the GMSACredentialSpec, and restart the pod; {_CCG}",
    ),
    1786: ("ERROR_NO_TRUST_LSA_SECRET", "the node could not fetch the account's password", _READERS),
    1787: (
        "ERROR_NO_TRUST_SAM_ACCOUNT",
        "the domain has no such account",
        "check MachineAccountName, and that DnsName, Sid and Guid are those of the account's domain",
    ),
    1788: ("ERROR_TRUSTED_DOMAIN_FAILURE", "the trust to the account's domain is broken", "check the trust"),
    1789: (
        "ERROR_TRUSTED_RELATIONSHIP_FAILURE",
        "the secure channel to the domain is broken",
        "repair it: nltest /sc_reset:DOMAIN, which netlogonRestart of the config does when a container starts",
    ),
    1792: ("ERROR_NETLOGON_NOT_STARTED", "netlogon does not run", "start it: Restart-Service netlogon"),
    1908: ("ERROR_DOMAIN_CONTROLLER_NOT_FOUND", "no domain controller is found", _REACH),
}
_SEC_MEANINGS = {
    "0x8009030e": (
        "SEC_E_NO_CREDENTIALS",
        "the user has no Kerberos identity",
        f"run the workload as LocalSystem or NetworkService, or else the node could not fetch the password: {_READERS}",
    ),
    "0x80090311": ("SEC_E_NO_AUTHENTICATING_AUTHORITY", "no domain controller is found", _REACH),
    "0x80090322": (
        "SEC_E_WRONG_PRINCIPAL",
        "the SPN belongs to another account than the service runs as",
        "find its owner: setspn -Q SPN",
    ),
    "0x80090324": (
        "SEC_E_TIME_SKEW",
        "the clocks of node and domain controller differ",
        _CLOCK,
    ),
    "0x8009030c": ("SEC_E_LOGON_DENIED", "the domain refuses the account", _READERS),
    "0xc000005e": ("STATUS_NO_LOGON_SERVERS", "no domain controller lets the account log on", f"{_READERS}; {_REACH}"),
    "0xc000018b": ("STATUS_NO_TRUST_SAM_ACCOUNT", "the domain has no such account", "check MachineAccountName"),
}


class Failure:
    """`code`: the number of a Win32 error, 0 if it is another one; `meaning` and `cure` are for a sentence."""

    __slots__ = ("code", "cure", "meaning", "shown")

    def __init__(self, shown: str, meaning: str, cure: str, code: int = 0) -> None:
        self.shown = shown
        self.meaning = meaning
        self.cure = cure
        self.code = code

    def __str__(self) -> str:
        return f"{self.meaning} ({self.shown}); {self.cure}"


def has_no_program(output: str) -> bool:
    """Whether the container has no such program, as images of nanoserver."""
    return bool(_NO_PROGRAM.search(output))


def failure_in(output: str) -> Failure | None:
    """The first error that nltest or klist reports; None if there is none."""
    for number, name in _STATUS.findall(output):
        if int(number):
            return _of_number(int(number), name)
    for code in _SEC.findall(output):
        known = _SEC_MEANINGS.get(code.lower())
        if known is not None:
            return Failure(f"{code.lower()} {known[0]}", *known[1:])
    return None


def _of_number(number: int, name: str) -> Failure:
    known = _MEANINGS.get(number)
    if known is None:
        return Failure(
            f"{number} {name}".strip(), "nltest reports an error", f"look it up: net helpmsg {number}", number
        )
    return Failure(f"{number} {known[0]}", *known[1:], number)


def parent_domain(output: str) -> str | Failure:
    """The domain that nltest /parentdomain prints, without a dot at its end."""
    failure = failure_in(output)
    if failure is not None:
        return failure
    found = _DOMAIN.search(output)
    return found[1] if found else _unread("nltest /parentdomain", output)


def secure_channel(output: str) -> Failure | None:
    """What nltest /query or /sc_verify says of the secure channel; None if it is established.

    "The command completed successfully" follows errors, too.
    """
    failure = failure_in(output)
    if failure is None and not _STATUS.search(output):
        return _unread("nltest /query", output)
    return failure


def name_lookup(output: str, name: str) -> Failure | None:
    """What nslookup says of a name; None if it has addresses."""
    _, _, answer = output.replace("\r\n", "\n").partition("\n\n")
    answers = re.findall(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}\b", answer)
    if answers and not re.search(r"can't find|timed.out", answer):
        return None
    if re.search("Non-existent domain|NXDOMAIN", output):
        meaning, cure = (
            "DNS does not know the domain",
            "forward the domain to its DNS servers in the Corefile of CoreDNS",
        )
    elif re.search(r"timed.out|No response from server|timeout was", output):
        meaning, cure = "DNS does not answer", "let the pod reach its DNS servers (port 53)"
    elif re.search("Server failed|Query refused|Refused", output):
        meaning, cure = "DNS fails to look up the domain", "look at the forwarders of CoreDNS"
    else:
        meaning, cure = "DNS has no address of the domain", "look at nslookup in the pod"
    return Failure(f"nslookup {name}", meaning, cure)


def _unread(program: str, output: str) -> Failure:
    lines = [it.strip() for it in output.splitlines() if it.strip()]
    shown = lines[0][:120] if lines else "no output"
    return Failure(shown, f"{program} says nothing about the domain", "type it in the container to see all of it")
