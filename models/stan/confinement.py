"""What a process that runs strangers' native code may still do: compute.

It keeps the memory it is given, opens no file and no connection, starts no program, signals and
reads no other process. Linux enforces this by a filter of system calls that needs no privilege and
cannot be taken off (seccomp(2)); elsewhere only the limits hold.
"""

import ctypes
import platform
import resource
import struct
import sys
from collections.abc import Mapping

#: By machine and name, the numbers of system calls.
Calls = Mapping[str, Mapping[str, int]]
#: Numbers of the system calls that are refused, by machine; see `audit` for the machine's own.
_REFUSED: Calls = {
    "x86_64": {
        "open": 2,
        "socket": 41,
        "connect": 42,
        "socketpair": 53,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "kill": 62,
        "creat": 85,
        "ptrace": 101,
        "tkill": 200,
        "openat": 257,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "execveat": 322,
        "io_uring_setup": 425,
        "openat2": 437,
    },
    "aarch64": {
        "openat": 56,
        "ptrace": 117,
        "kill": 129,
        "tkill": 130,
        "socket": 198,
        "socketpair": 199,
        "connect": 203,
        "execve": 221,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "execveat": 281,
        "io_uring_setup": 425,
        "openat2": 437,
    },
}
#: AUDIT_ARCH of linux/audit.h: a filter must see first whose numbers it is shown.
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: Of linux/prctl.h, linux/seccomp.h and linux/bpf_common.h.
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
#: EPERM.
_NOT_PERMITTED = 1
#: x86-64 has the same calls once more under numbers from here on.
_X32 = 0x40000000


def confine(memory: int) -> bool:
    """Give up everything but computing.

    Args:
        memory: bytes of address space beyond what the process has now.

    Returns:
        Whether the system calls are filtered, too.
    """
    most = _limit(resource.RLIMIT_AS, _address_space() + memory)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return refuse(_REFUSED)


def refuse(calls: Calls) -> bool:
    """Refuse system calls to this thread and to all that it starts from now on, for good.

    Args:
        calls: which; those of other machines than this do not count.

    Returns:
        Whether they are; this machine's system may not know how to.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in calls:
        return False
    program = _program(machine, calls)
    text = ctypes.create_string_buffer(b"".join(program))
    pointer = struct.pack("@HP", len(program), ctypes.addressof(text))
    prctl = ctypes.CDLL(None).prctl
    none = ctypes.c_ulong(0)
    given = prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), none, none, none) == 0
    return given and prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), pointer, none, none) == 0


def _limit(kind: int, wanted: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _program(machine: str, calls: Calls = _REFUSED) -> list[bytes]:
    """Return the filter: instructions of the classic BPF machine (linux/filter.h)."""
    numbers = sorted(calls[machine].values())
    steps = [
        # The machine, at offset 4 of `seccomp_data`; another one's calls end the process.
        _step(_LOAD, 4),
        _step(_EQUAL, _AUDIT[machine], yes=1),
        _step(_RETURN, _KILL),
        # The number of the call, at offset 0.
        _step(_LOAD, 0),
        _step(_AT_LEAST, _X32, yes=len(numbers) + 1),
    ]
    for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
        steps.append(_step(_EQUAL, number, yes=left))
    return [*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE | _NOT_PERMITTED)]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
