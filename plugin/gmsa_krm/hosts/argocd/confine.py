"""kustomize and helm in a cage: without files outside of what they work on, and without sockets unless they may fetch.

Both read what a repository says: paths, and URLs. References are checked before, and this holds where a check and the
program disagree. It is the kernel's seccomp and Landlock, which need no rights, and are in Linux from 5.13 on. Where
they are missing, the checks are all there is, and `missing` says so; where they are there and fail, no program starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Programs, libraries and certificates; not /proc (the variables of others), /run, /var and /tmp.
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/sbin", "/usr")
_WRITABLE = ("/dev/null",)

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06  # of the classic BPF
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # EACCES
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # where they are in seccomp_data
_AF_UNIX = 1
# By machine: the number of its ABI, and of the system call socket.
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}

# Landlock, whose numbers are the same on all machines.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_VERSION = 1  # asks for the number of the ABI
_READ_FILE, _WRITE_FILE, _TRUNCATE = 1 << 2, 1 << 1, 1 << 14
_READ = _READ_FILE | 1 << 3  # and folders
# Remove folders and files, and make whatever there is: bits 4 to 12.
_WRITE = _WRITE_FILE | (1 << 13) - (1 << 4)
# Of later ABIs: links and moves between folders, and truncation. Without the first, every such move is forbidden.
_LATER = ((2, 1 << 13), (3, _TRUNCATE))
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE


class Cage:
    """What a program may do; made before it starts, and entered by the process that becomes the program.

    Raises OSError where the kernel has Landlock and refuses the rules.
    """

    def __init__(self, readable: Iterable[str], writable: str, may_connect: bool) -> None:
        """`readable`: files and folders, beside the system's; `writable`: the folder in which it may write, too."""
        self._may_connect = may_connect
        self._rules = -1
        version = _landlock_version()
        if version <= 0:
            return
        write = _WRITE | sum(access for since, access in _LATER if version >= since)
        self._rules = _checked(_syscall(_CREATE_RULESET, struct.pack("Q", _READ | write), ctypes.c_size_t(8), 0))
        try:
            for path in (*_SYSTEM, *readable):
                self._allow(path, _READ)
            for path in (*_WRITABLE, writable):
                self._allow(path, _READ | write)
        except BaseException:
            self.close()
            raise

    def _allow(self, path: str, access: int) -> None:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # not on this system
        try:
            access &= -1 if os.path.isdir(path) else _OF_FILES
            _checked(_syscall(_ADD_RULE, self._rules, _PATH_BENEATH, struct.pack("=Qi", access, opened), 0))
        finally:
            os.close(opened)

    def enter(self) -> None:
        """Confines this process, for good, and all that it starts. Raises OSError where it cannot."""
        forbids_sockets = not self._may_connect and _has_seccomp()
        if self._rules >= 0 or forbids_sockets:
            _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if self._rules >= 0:
            _checked(_syscall(_RESTRICT_SELF, self._rules, 0))
        if forbids_sockets:
            _forbid_sockets()

    def close(self) -> None:
        if self._rules >= 0:
            os.close(self._rules)
            self._rules = -1


def missing() -> list[str]:
    """What this system does not have, or does not let this process use."""
    return [
        name for name, is_there in (("Landlock", _landlock_version() > 0), ("seccomp", _has_seccomp())) if not is_there
    ]


def _landlock_version() -> int:
    """The number of the ABI; 0 or less where there is no Landlock."""
    return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION) if _is_linux() else 0


def _has_seccomp() -> bool:
    if not _is_linux() or os.uname().machine not in _SOCKET:
        return False
    # A filter at no address: the kernel gets as far as reading it only if it has filters.
    failed = _libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    return bool(failed) and ctypes.get_errno() == errno.EFAULT


def _forbid_sockets() -> None:
    """All but those within the machine."""
    abi, socket = _SOCKET[os.uname().machine]
    instructions = (
        (_LOAD, 0, 0, _ARCH),
        (_EQUALS, 0, 5, abi),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUALS, 0, 3, socket),
        (_LOAD, 0, 0, _ARGUMENT),
        (_EQUALS, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *it) for it in instructions))
    program = struct.pack("HP", len(instructions), ctypes.addressof(code))
    _checked(_libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0))


def _is_linux() -> bool:
    return os.uname().sysname == "Linux"


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(*arguments: object) -> int:
    return int(_libc().syscall(*arguments))


def _checked(result: int) -> int:
    """Raises OSError for the result of a call that failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
