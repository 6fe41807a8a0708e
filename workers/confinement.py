"""What a worker's process may do: no more privileges, no core dumps, no more memory than there is.

A model's text is interpreted and never run, so this is the second wall. Containers add the others:
a read-only file system, no capabilities, a network of their own (`docker-compose.yml`).
"""

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path

#: Of the memory that the machine or the container has, what one worker may ask for beside what it
#: has when it begins: the last tenth is the kernel's and the other processes'.
SHARE = 0.9
#: But never less than this: addresses are not memory, and threads reserve many.
LEAST = 4 << 30
#: Linux, `sys/prctl.h`: what this process and its children execute gains no privileges.
_PR_SET_NO_NEW_PRIVS = 38
_KIB = 1024
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MEMINFO, _STATM = Path("/proc/meminfo"), Path("/proc/self/statm")
#: Where Linux counts those that it killed for want of memory: in this container, on this machine.
_KILLS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
_GIB = 1 << 30


@dataclass(frozen=True)
class Confinement:
    """What a process has been confined to."""

    #: Bytes of address space that it may take beside what it had; None: no limit.
    memory: int | None
    #: Whether `execve` can give it or its children privileges.
    privileges: bool


def confine(memory: int | None = None) -> Confinement:
    """Confine this process, for good: a limit can only be lowered.

    With a GPU there is no limit on addresses, of which its driver reserves more than there is
    memory. Outside of Linux only what the system knows is done.

    Args:
        memory: bytes that it may take beside what it has; absent: nine tenths of what the machine
            or the container has, and `LEAST` at least.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    privileges = not _renounced()
    taken, there = address_space(), machine_memory()
    if taken is None or Path("/dev/nvidiactl").exists():
        return Confinement(None, privileges)
    if memory is None:
        if there is None:
            return Confinement(None, privileges)
        memory = max(int(SHARE * there), LEAST)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + memory
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return Confinement(most - taken, privileges)


def _renounced() -> bool:
    """Renounce new privileges; return whether the system knows how to."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl is not None and prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0


def address_space() -> int | None:
    """Return the bytes of address space that this process has taken; None where unknown."""
    try:
        return int(_STATM.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held at a time."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def machine_memory() -> int | None:
    """Return the bytes of memory of the container, or else of the machine; None where unknown."""
    found = [size for size in (_cgroup(path) for path in _LIMITS) if size is not None]
    try:
        line = _MEMINFO.read_text().splitlines()[0]  # MemTotal:  24567890 kB
        found.append(int(line.split()[1]) * _KIB)
    except (OSError, IndexError, ValueError):
        pass
    return min(found, default=None)


def memory_kills() -> int | None:
    """Return how many processes the system has killed for want of memory; None where unknown."""
    found = [count for count in map(_kills, _KILLS) if count is not None]
    return sum(found) if found else None


def sizes(held: int, there: int | None) -> str:
    """Return what a process held of the memory there is, as a phrase that follows another."""
    of = "" if there is None else f", of {there / _GIB:.1f} GiB there"
    return f" (it held {held / _GIB:.1f} GiB at most{of})"


def _kills(path: Path) -> int | None:
    try:
        counts = dict(line.split() for line in path.read_text().splitlines())
        return int(counts["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None


def _cgroup(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max": no limit.
        return None
