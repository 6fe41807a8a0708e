"""What a process takes of the machine, and those that it has forked, as Linux tells it."""

import os
import re
import threading
from pathlib import Path
from typing import Self

#: Seconds between two looks.
EVERY = 0.05


def memory(pid: int) -> int:
    """Return the bytes of a process and its forks that are no file's, shared ones counted once."""
    return sum(_anonymous(each) for each in _forks(pid))


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its forks, other children left out."""
    return sum(_cpu_seconds(each) for each in _forks(pid))


def _forks(pid: int) -> list[int]:
    """Return a process and those of its children that run the same program."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for each in map(int, children) if _command(each) == _command(pid))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def _anonymous(pid: int) -> int:
    # Of a page that several have, each has its share.
    found = re.search(r"Pss_Anon:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _cpu_seconds(pid: int) -> float:
    # The name in parentheses may hold anything, so the fields start after the last one.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Peak:
    """The most memory that a process and its forks take while a block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        #: Bytes before, and at the most.
        self.before = self.most = memory(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    @property
    def growth(self) -> int:
        """Bytes by which the most exceeds what there was before."""
        return self.most - self.before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.most = max(self.most, memory(self._pid))

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.most = max(self.most, memory(self._pid))
