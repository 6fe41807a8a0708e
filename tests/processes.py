"""The processes of this machine, as `/proc` shows them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One that lives."""

    number: int
    parent: int
    #: Whether a session began with it.
    leads: bool
    #: Of its program, 15 characters at most.
    name: str
    #: Its arguments, or what it has written over them.
    command: str


def table() -> dict[int, Process]:
    """Return all processes that live, by number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            before, _, after = (folder / "stat").read_text().rpartition(")")
            state, parent, _, session = after.split()[:4]
            command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
            if state not in "ZX":
                number = int(folder.name)
                name = before.partition("(")[2]
                leads = int(session) == number
                found[number] = Process(number, int(parent), leads, name, command.strip())
    return found


def children(parent: int) -> list[Process]:
    """Return the living children of a process."""
    return [process for process in table().values() if process.parent == parent]


def below(root: int) -> list[Process]:
    """Return the living descendants of a process."""
    known = table()
    found = {root}
    while grown := {p.number for p in known.values() if p.parent in found} - found:
        found |= grown
    return [known[number] for number in found - {root}]


def marked(variable: str, value: str | None = None) -> set[int]:
    """Return the processes that were started with a variable in their environment."""
    found = set()
    mark = f"{variable}=".encode() if value is None else f"{variable}={value}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Unreadable: gone by now. That of a zombie is empty.
        with contextlib.suppress(OSError):
            entries = path.read_bytes().split(b"\0")
            if any(e.startswith(mark) if value is None else e == mark for e in entries):
                found.add(int(path.parent.name))
    return found


def send(numbers: Iterable[int], what: signal.Signals) -> None:
    """Send a signal to processes, some of which may be gone."""
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, what)


def await_end(numbers: Iterable[int], seconds: float) -> set[int]:
    """Wait until none of the processes lives; return those that still do."""
    end = time.monotonic() + seconds
    left = set(numbers)
    while left and time.monotonic() < end:
        left &= table().keys()
        time.sleep(0.05)
    return left
