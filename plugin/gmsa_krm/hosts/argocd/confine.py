"""kustomize and helm in a cage: without sockets, and without files outside of what they work on.

Both read what a repository says: paths, and URLs. References are checked before, and this holds where a check and the
program disagree. It is the kernel's seccomp and Landlock, which need no rights, and are in Linux from 5.13 on; where
they are missing, the checks are all there is.
"""

from __future__ import annotations

import ctypes
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Programs, libraries and certificates; not /proc (the variables of others), /run, /var and /tmp.
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/sbin", "/usr")

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
_READ_FILE = 1 << 2
_READ = _READ_FILE | 1 << 3  # and folders


def confine(readable: Iterable[str]) -> None:
    """Confines this process, for good, and all that it starts: no network, no files but those below `readable`.

    Called in a child process, before it becomes another program.
    """
    if os.uname().sysname != "Linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _allow_only(libc, [*_SYSTEM, *readable])
    _forbid_sockets(libc)


def _allow_only(libc: ctypes.CDLL, paths: Iterable[str]) -> None:
    rules = libc.syscall(_CREATE_RULESET, struct.pack("Q", _READ), ctypes.c_size_t(8), 0)
    if rules < 0:
        return
    for path in paths:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # not on this system
        access = _READ if os.path.isdir(path) else _READ_FILE
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", access, opened), 0)
        os.close(opened)
    libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def _forbid_sockets(libc: ctypes.CDLL) -> None:
    """All but those within the machine."""
    system = os.uname()
    if system.machine not in _SOCKET:
        return
    abi, socket = _SOCKET[system.machine]
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
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)
