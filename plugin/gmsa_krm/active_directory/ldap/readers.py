"""Who may fetch the passwords of gMSAs: the entries of their DACLs, and the members of the groups in these."""

from __future__ import annotations

from gmsa_krm.active_directory.accounts import kind_of
from gmsa_krm.active_directory.descriptor import (
    AUTHENTICATED_USERS,
    EVERYONE,
    WELL_KNOWN,
    DescriptorError,
    sid_bytes,
    sid_text,
)
from gmsa_krm.active_directory.ldap.connection import SUBTREE
from gmsa_krm.active_directory.ldap.errors import LdapError
from gmsa_krm.active_directory.ldap.filters import any_of, equal
from gmsa_krm.active_directory.snapshot import COMPUTER, DMSA, EVERY_HOST, GMSA, GROUP_KIND, UNKNOWN
from gmsa_krm.active_directory.snapshot import WELL_KNOWN as WELL_KNOWN_KIND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.active_directory.ldap.connection import Connection, Entry

    Allowed = tuple[tuple[str, bool], ...]

# Their members have them as primary group, which is not in `member`.
_DOMAIN_COMPUTERS, _DOMAIN_CONTROLLERS, _READ_ONLY_CONTROLLERS = "-515", "-516", "-521"
_ATTRIBUTES = ("objectClass", "objectSid", "sAMAccountName", "member")
_SIDS_AT_ONCE = 100
# More is not a set-up of containers, and the lists of it would fill the memory.
_MOST = 200_000
_MOST_IN_ALL = 50 * _MOST  # in all groups, those in several counted in each
_DIGITS = 10


class _Principal:
    """A user, computer or group. `members`: distinguished names of a group's."""

    __slots__ = ("dn", "kind", "members", "name", "sid")

    def __init__(self, sid: str, name: str, kind: str, dn: str = "", members: Iterable[str] = ()) -> None:
        self.sid = sid
        self.name = name
        self.kind = kind
        self.dn = dn
        self.members = list(members)


class PasswordReaders:
    """The principals of one domain, each read once."""

    KINDS = (GMSA, DMSA)

    def __init__(self, connection: Connection, base: str, domain_sid: str) -> None:
        self._connection = connection
        self._base = base
        self._domain_sid = domain_sid
        self._by_sid: dict[str, _Principal] = {}
        self._by_dn: dict[str, _Principal] = {}
        self._members: dict[str, dict[str, _Principal]] = {}
        self._number = 0  # of the members that were looked at
        self._fields: dict[Allowed, dict[str, Any]] = {}

    def look_up(self, sids: set[str]) -> None:
        """Reads the principals of these SIDs, and the members of the groups among them, theirs too."""
        wanted = sorted(it for it in sids if it not in WELL_KNOWN)
        for start in range(0, len(wanted), _SIDS_AT_ONCE):
            some = wanted[start : start + _SIDS_AT_ONCE]
            filter_ = any_of(*(equal("objectSid", sid_bytes(it)) for it in some))
            found = self._connection.search(self._base, SUBTREE, filter_, _ATTRIBUTES, "reading password readers")
            for principal in map(self._principal, found):
                self._by_sid[principal.sid] = self._by_dn[principal.dn.lower()] = principal
            controllers = [it for it in some if it.endswith((_DOMAIN_CONTROLLERS, _READ_ONLY_CONTROLLERS))]
            for sid in controllers:
                if sid in self._by_sid:
                    self._add_by_primary_group(self._by_sid[sid])
        self._read_members()

    def fields(self, allowed: Allowed) -> dict[str, Any]:
        """passwordReaders, hosts and otherReaders of an account. `allowed`: the entries of its DACL, in order."""
        known = self._fields.get(allowed)
        if known is None:
            known = self._fields[allowed] = self._evaluated(allowed)
        return known

    def _evaluated(self, allowed: Allowed) -> dict[str, Any]:
        entries: dict[tuple[str, bool], dict[str, Any]] = {}
        candidates: dict[str, _Principal] = {}
        for sid, is_denied in allowed:
            principal = self._by_sid.get(sid) or _unread(sid)
            entry = {"name": principal.name, "kind": principal.kind, "sid": sid}
            entries[sid, is_denied] = {**entry, "denied": True} if is_denied else entry
            if not is_denied:
                candidates.update(self._members_of(principal))
        hosts: set[str] = set()
        others: set[str] = set()
        if self._may_all(allowed):
            hosts.add(EVERY_HOST)
        for candidate in candidates.values():
            self._connection.check_time()
            if self._may(candidate, allowed):
                is_host = candidate.kind == COMPUTER
                (hosts if is_host else others).add(candidate.name)
        return {"passwordReaders": list(entries.values()), "hosts": list(hosts), "otherReaders": list(others)}

    def _may_all(self, allowed: Allowed) -> bool:
        """Whether every computer of the domain may read, unless an entry of its own denies it."""
        for sid, is_denied in allowed:
            if self._is_every_computer(sid):
                return not is_denied
        return False

    def _is_every_computer(self, sid: str) -> bool:
        return sid in (EVERYONE, AUTHENTICATED_USERS, f"{self._domain_sid}{_DOMAIN_COMPUTERS}")

    def _may(self, candidate: _Principal, allowed: Allowed) -> bool:
        """As Windows decides: the first entry about one of the principal's SIDs counts."""
        for sid, is_denied in allowed:
            group = self._by_sid.get(sid)
            is_own = (
                sid == candidate.sid
                or sid in (EVERYONE, AUTHENTICATED_USERS)
                or (candidate.kind == COMPUTER and self._is_every_computer(sid))
                or (group is not None and candidate.dn.lower() in self._members_of(group))
            )
            if is_own:
                return not is_denied
        return False

    def _members_of(self, principal: _Principal) -> dict[str, _Principal]:
        """What is no group in a principal, which may be one, by names in lower case. Loops of groups end."""
        known = self._members.get(principal.sid)
        if known is not None:
            return known
        found: dict[str, _Principal] = {}
        seen: set[str] = set()
        pending = [principal]
        while pending:
            it = pending.pop()
            if it.kind == GROUP_KIND:
                names = [name for name in map(str.lower, it.members) if name not in seen]
                seen.update(names)
                pending += [self._by_dn[name] for name in names]
            elif it.kind != WELL_KNOWN_KIND:
                found[it.dn.lower()] = it
        self._number += len(seen)
        if self._number > _MOST_IN_ALL:
            raise self._too_many(_MOST_IN_ALL)
        self._members[principal.sid] = found
        return found

    def _read_members(self) -> None:
        pending = list(self._by_dn.values())
        while pending:
            names = {name.lower(): name for it in pending for name in it.members}
            new = [name for key, name in names.items() if key not in self._by_dn]
            if len(self._by_dn) + len(new) > _MOST:
                raise self._too_many(_MOST)
            pending = []
            for name, entry in self._connection.read_all(new, _ATTRIBUTES).items():
                # Of another domain, or not to be seen by this user.
                principal = self._principal(entry) if entry is not None else _Principal("", name, UNKNOWN, name)
                self._by_dn[name.lower()] = principal
                pending.append(principal)

    def _too_many(self, most: int) -> LdapError:
        message = f"the groups that may fetch passwords have more than {most:,} members"
        return LdapError(f"{self._connection.host}: {message}; limit the accounts with --account")

    def _principal(self, entry: Entry) -> _Principal:
        sids = entry.values("objectSid")
        try:
            sid = sid_text(sids[0]) if sids else ""
        except DescriptorError as error:
            raise LdapError(f"{self._connection.host}: {entry.dn[:200]}: objectSid: {error}") from None
        kind = kind_of(entry.texts("objectClass"))
        name = entry.text("sAMAccountName").removesuffix("$") or sid or entry.dn
        return _Principal(sid, name, kind, entry.dn, self._all_members(entry) if kind == GROUP_KIND else ())

    def _all_members(self, entry: Entry) -> list[str]:
        """Active Directory gives the members of a large group in ranges ([MS-ADTS] 3.1.1.3.1.3.3)."""
        members = entry.texts("member")
        ranged = _range_of(entry)
        while ranged is not None:
            members += entry.texts(f"member;range={ranged}")
            _, _, last = ranged.partition("-")
            if last == "*" or not last.isdecimal() or len(members) > _MOST:
                break
            if len(last) > _DIGITS:
                raise LdapError(f"{self._connection.host}: {entry.dn[:200]}: a range of members is out of bounds")
            attribute = f"member;range={int(last) + 1}-*"
            following = self._connection.read_all([entry.dn], [attribute])[entry.dn]
            if following is None:
                break
            entry, ranged = following, _range_of(following)
        return members

    def _add_by_primary_group(self, group: _Principal) -> None:
        filter_ = equal("primaryGroupID", group.sid.rpartition("-")[2])
        found = self._connection.search(self._base, SUBTREE, filter_, _ATTRIBUTES, "reading domain controllers")
        for principal in map(self._principal, found):
            self._by_dn[principal.dn.lower()] = principal
            group.members.append(principal.dn)


def _range_of(entry: Entry) -> str | None:
    return next((it.partition("=")[2] for it in entry.attributes if it.startswith("member;range=")), None)


def _unread(sid: str) -> _Principal:
    """A well-known principal, or one that is not in this domain."""
    name = WELL_KNOWN.get(sid)
    return _Principal(sid, sid, UNKNOWN, sid) if name is None else _Principal(sid, name, WELL_KNOWN_KIND)
