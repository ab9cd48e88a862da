"""Attributes of accounts in Active Directory as fields of a snapshot, from LDAP and from PowerShell alike."""

from __future__ import annotations

from gmsa_krm.active_directory.snapshot import COMPUTER, DMSA, GMSA, GROUP_KIND, SMSA, UNKNOWN, USER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Bits of userAccountControl ([MS-ADTS] 2.2.16).
_DISABLED, _TRUSTED_FOR_DELEGATION, _TRUSTED_TO_AUTH = 0x2, 0x80000, 0x1000000
# Bits of msDS-SupportedEncryptionTypes ([MS-KILE] 2.2.7).
_ENCRYPTION_TYPES = {0x1: "DES", 0x2: "DES", 0x4: "RC4", 0x8: "AES128", 0x10: "AES256"}
# Most special first: a gMSA is of the class computer, which is of the class user.
_CLASSES = {
    "msds-delegatedmanagedserviceaccount": DMSA,
    "msds-groupmanagedserviceaccount": GMSA,
    "msds-managedserviceaccount": SMSA,
    "computer": COMPUTER,
    "group": GROUP_KIND,
    "user": USER,
    "inetorgperson": USER,
}
DIRECTIONS = {0: "Disabled", 1: "Inbound", 2: "Outbound", 3: "Bidirectional"}


def kind_of(classes: Iterable[str]) -> str:
    """What an object of these classes is."""
    own = {it.lower() for it in classes}
    return next((kind for name, kind in _CLASSES.items() if name in own), UNKNOWN)


def control_fields(user_account_control: int) -> dict[str, Any]:
    """The fields that userAccountControl tells."""
    return {
        "enabled": not user_account_control & _DISABLED,
        "trustedForDelegation": bool(user_account_control & _TRUSTED_FOR_DELEGATION),
        "trustedToAuthForDelegation": bool(user_account_control & _TRUSTED_TO_AUTH),
    }


def encryption_types(bits: int) -> list[str]:
    return [name for bit, name in _ENCRYPTION_TYPES.items() if bits & bit]
