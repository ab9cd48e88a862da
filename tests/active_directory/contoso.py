"""The domain of the Kubernetes gMSA guide, with accounts in the states that go wrong in the field."""

from __future__ import annotations

from typing import Any

from active_directory.samba import PASSWORD

DOMAIN = "contoso.com"
NET_BIOS_NAME = "CONTOSO"
SID = "S-1-5-21-2126449477-2524075714-3094792973"
GUID = "244818ae-87ac-4fcd-92ec-e79e5252348a"
READER = "reader"
_UNCONSTRAINED, _PROTOCOL_TRANSITION, _DISABLED, _WORKSTATION = 0x80000, 0x1000000, 0x2, 0x1000


def _by(*entries: str) -> str:
    """The security descriptor of msDS-GroupMSAMembership."""
    return "O:SYD:" + "".join(entries)


HOSTS = _by("(A;;RP;;;{SID:WebApp1Hosts})")
# As New-ADServiceAccount -PrincipalsAllowedToRetrieveManagedPassword writes it: full control.
FULL_CONTROL = _by("(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;{SID:WebApp1Hosts})")


def account(name: str, readers: str | None = HOSTS, control: int = 0, **attributes: Any) -> dict[str, Any]:
    more = {"readers": readers} if readers is not None else {}
    given = {"dNSHostName": f"{name}.{DOMAIN}", **{key.replace("_", "-"): it for key, it in attributes.items()}}
    return {"name": name, "userAccountControl": _WORKSTATION | control, "attributes": given, **more}


DATA: dict[str, Any] = {
    "users": [
        {"name": READER, "password": PASSWORD},
        {"name": "svc-web", "password": PASSWORD},
        {"name": "locked", "password": PASSWORD, "disabled": True},
    ],
    "computers": ["NODE1", "NODE2", "NODE3", "OTHER"],
    "groups": {
        "NestedHosts": ["NODE2"],
        "WebApp1Hosts": ["NODE1", "NestedHosts"],
        "LoopA": ["NODE3", "LoopB"],
        "LoopB": ["LoopA", "svc-web"],
        "NoHosts": [],
    },
    "accounts": [
        account("WebApp1", servicePrincipalName=["http/web.contoso.com", "host/WebApp1.contoso.com"]),
        account("FullControl", FULL_CONTROL),
        account("Nobody", None),
        account("EmptyGroup", _by("(A;;RP;;;{SID:NoHosts})")),
        account("Everybody", _by("(A;;RP;;;AU)")),
        account("Computers", _by("(A;;RP;;;DC)")),
        account("Controllers", _by("(A;;RP;;;DD)")),
        account("Denied", _by("(D;;RP;;;{SID:NODE2})", "(A;;RP;;;{SID:WebApp1Hosts})")),
        account("DeniedTooLate", _by("(A;;RP;;;{SID:WebApp1Hosts})", "(D;;RP;;;{SID:NODE2})")),
        account("WriteOnly", _by("(A;;WP;;;{SID:NODE1})")),
        account("Loop", _by("(A;;RP;;;{SID:LoopA})")),
        account("Gone", _by("(A;;RP;;;S-1-5-21-1-2-3-4444)")),
        account("Disabled", control=_DISABLED),
        account("Old", msDS_SupportedEncryptionTypes="4"),
        account("Modern", msDS_SupportedEncryptionTypes="24"),
        account("Weekly") | {"interval": 7},
        account("Delegating", control=_UNCONSTRAINED),
        account(
            "Constrained",
            control=_PROTOCOL_TRANSITION,
            msDS_AllowedToDelegateTo=["cifs/files.contoso.com", "cifs/files"],
        ),
        {"name": "Standalone", "class": "msDS-ManagedServiceAccount"},
    ],
}
