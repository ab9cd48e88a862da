"""What a domain controller refuses or fails with, in words that say what to do."""

from __future__ import annotations

import re

from gmsa_krm.findings import ExternalError, printable

# [MS-ADTS] and winerror.h: the number behind "data" in the message of a bind that failed.
_LOGON_ERRORS = {
    "525": "the user does not exist; give user@domain, DOMAIN\\user or the distinguished name",
    "52e": "the user or the password is wrong",
    "530": "the user may not log on at this time",
    "531": "the user may not log on from this machine",
    "532": "the user's password has expired; change it",
    "533": "the user is disabled",
    "701": "the user's account has expired",
    "773": "the user must change the password first",
    "775": "the user is locked out; wait, or unlock it",
}
_WORDS = {
    3: "the server's time limit was exceeded",
    4: "the server's size limit was exceeded",
    7: "the server does not know the method of authentication",
    8: "the server wants signing or TLS",
    10: "the server refers to another one, which is not followed; give --server or --domain of that domain",
    32: "the object does not exist, or the user may not read it",
    48: "the method of authentication is not allowed",
    49: "the credentials are wrong",
    50: "the user may not read this",
    51: "the server is busy; try again",
    52: "the server is unavailable; try another one",
    53: "the server refuses to do it",
}


class LdapError(ExternalError):
    """A server that cannot be reached, fails, refuses, or breaks the protocol: exit status 3."""


class UnreachableError(LdapError):
    """There is no connection to the server."""


class ResultError(LdapError):
    """An operation ended with a result code other than success."""

    def __init__(self, host: str, doing: str, code: int, detail: str) -> None:
        self.code = code
        super().__init__(f"{host}: {doing} failed: {_reason(code, detail)}")


def _reason(code: int, detail: str) -> str:
    short = " ".join(printable(detail[:200].rstrip("\0")).split())
    logon = re.search(r"\bdata ([0-9a-f]{3})\b", short)
    if "80090346" in short:
        return (
            "the server wants channel binding, and the TLS connection ends at another machine (a proxy or a load"
            " balancer); give the domain controller itself as --server"
        )
    if logon and logon[1] in _LOGON_ERRORS:
        return _LOGON_ERRORS[logon[1]]
    words = _WORDS.get(code, f"LDAP result {code}")
    return f"{words} ({short})" if short else words
