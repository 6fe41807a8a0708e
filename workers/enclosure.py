"""What the thread of a job may do beside computing: write its scratch, and speak to its store.

A model's text is interpreted and never run, so this is a wall behind a wall. Rules of Landlock
(landlock(7), Linux 5.19) name the directories that may be written; a filter of system calls
(seccomp(2)) refuses connections, where the store is a directory, and whatever looks into other
processes. Both hold for a thread and for all that it starts, and cannot be taken off. The threads
that speak to Ray are others. Where the system knows neither, containers are what there is.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.stan.confinement import Calls, refuse

#: Whatever the store is: other processes, other views of the system, and ways around a filter.
_NEVER: Calls = {
    "x86_64": {
        "ptrace": 101,
        "pivot_root": 155,
        "chroot": 161,
        "mount": 165,
        "umount2": 166,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "bpf": 321,
        "userfaultfd": 323,
        "io_uring_setup": 425,
    },
    "aarch64": {
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "chroot": 51,
        "unshare": 97,
        "ptrace": 117,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "perf_event_open": 241,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "bpf": 280,
        "userfaultfd": 282,
        "io_uring_setup": 425,
    },
}
#: New sockets, but for pairs, which lead nowhere.
_NETWORK: Calls = {
    "x86_64": {"socket": 41, "connect": 42},
    "aarch64": {"socket": 198, "connect": 203},
}

#: Numbers of system calls, the same on every machine, and of linux/prctl.h.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVILEGES = 38
#: Of linux/landlock.h: ask for the version; a rule about a path; the rights to write, from
#: `WRITE_FILE` to `MAKE_SYM` but for reading, and those that later versions have added.
_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_CHANGE = sum(1 << bit for bit in range(4, 13))
#: Devices are written as they are: `/dev/null`, a terminal, a GPU.
_DEVICES = Path("/dev")


@dataclass(frozen=True)
class Enclosure:
    """What a thread has been enclosed in."""

    #: Whether only the directories that were named can be written.
    files: bool
    #: Whether system calls are filtered.
    calls: bool


def enclose(writable: Iterable[Path], *, network: bool) -> Enclosure:
    """Enclose this thread, and all that it starts from now on, for good.

    Args:
        writable: directories that may be written, with all that is in them.
        network: whether it may make connections.
    """
    calls = {
        machine: {**never, **({} if network else _NETWORK[machine])}
        for machine, never in _NEVER.items()
    }
    files = sys.platform == "linux" and platform.machine() in _NEVER and _landlock(writable)
    return Enclosure(files, refuse(calls))


def _landlock(writable: Iterable[Path]) -> bool:
    """Let nothing but these directories be written; return whether the system knows how to."""
    # Version 1 forbids to rename from one directory to another, wherever both are.
    version = _call(_CREATE_RULESET, None, 0, _VERSION)
    if version < 2:
        return False
    rights = _WRITE_FILE | _CHANGE | _REFER | (_TRUNCATE if version >= 3 else 0)
    ruleset = _call(_CREATE_RULESET, struct.pack("=Q", rights), 8, 0)
    if ruleset < 0:
        return False
    try:
        rules = [(path, rights) for path in writable]
        rules.append((_DEVICES, rights & (_WRITE_FILE | _TRUNCATE)))
        if not all(_allow(ruleset, path, allowed) for path, allowed in rules):
            return False
        prctl, none = ctypes.CDLL(None).prctl, ctypes.c_ulong(0)
        given = prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), none, none, none) == 0
        return given and _call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> bool:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        # A packed structure: 64 bits of rights, a descriptor.
        rule = struct.pack("=Qi", rights, descriptor)
        return _call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) == 0
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: int | bytes | None) -> int:
    syscall = ctypes.CDLL(None).syscall
    syscall.restype = ctypes.c_long
    given = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    found: int = syscall(ctypes.c_long(number), *given)
    return found
