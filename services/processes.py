"""The processes below this one: adopted when orphaned, ended without exception (on Linux).

A supervisor that is a "child subreaper" (prctl(2)) inherits every orphan among its descendants, in
whatever session or group, so that it can find and end them all.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_LINUX = sys.platform.startswith("linux")
# Looked up before any fork: a child between fork and exec must not import.
_prctl: Callable[..., int] | None = ctypes.CDLL(None, use_errno=True).prctl if _LINUX else None


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Ask for SIGTERM when the parent dies, however it dies; call it between fork and exec."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def descendants() -> set[int]:
    """Return the ids of all living processes below this one."""
    children: dict[int, list[int]] = {}
    for pid, parent, state in _processes():
        if state != "Z":
            children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    front = [os.getpid()]
    while front:
        below = children.get(front.pop(), [])
        found.update(below)
        front += below
    return found


def reap(spare: set[int]) -> None:
    """Collect adopted children that have ended.

    Args:
        spare: children that somebody else waits for; the search ends at one of them that has
            ended, until that is collected.
    """
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, look)) and ended.si_pid not in spare:
            os.waitpid(ended.si_pid, os.WNOHANG)


def kill_descendants(patience: float) -> set[int]:
    """Kill every process below this one, until none is left.

    Args:
        patience: seconds to go on.

    Returns:
        Those that are still there.
    """
    deadline = time.monotonic() + patience
    while (left := descendants()) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return left


def _processes() -> Iterator[tuple[int, int, str]]:
    """Yield process, parent and state of every process that the system shows."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        # The name in parentheses may hold anything, so the fields start after the last one.
        state, parent = text.rpartition(")")[2].split()[:2]
        yield int(path.parent.name), int(parent), state
