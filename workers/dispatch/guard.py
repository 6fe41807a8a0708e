"""`python -m workers.dispatch.guard`: ends what a process has started once that process is gone.

Ray's agents look for their parent every two seconds and believe in its death at the fifth look, and
then write to a server that is dead as well. The guard holds the other end of a pipe instead: it
learns of a death, kill -9 included, at once, and finds what was left by a mark in its environment
(on Linux; elsewhere what Ray does itself must do).
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

#: The variable that marks a process; its value is the directory that is ours alone.
MARK = "CREDENCE_RAY_DIRECTORY"
#: Ray's agents write their title over their environment, the mark with it, unless told not to by
#: this variable of `setproctitle`.
KEEP = "SPT_NOENV"
#: Seconds to go on killing what is started while others are killed, and removing what they write.
PATIENCE = 10.0
#: Looks in a row that find nothing: one that is made while a process hands on to the next misses
#: both.
LOOKS = 5


class Guard:
    """A process that outlives this one, to end what this one leaves."""

    def __init__(self, directory: Path) -> None:
        """Start it.

        Args:
            directory: the value of the mark; removed at the end.
        """
        self._directory = directory
        command = [sys.executable, "-P", "-m", "workers.dispatch.guard", str(directory)]
        # In a session of its own: Ctrl-C in a terminal reaches whole groups.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    @contextlib.contextmanager
    def marking(self) -> Iterator[None]:
        """Let every process started meanwhile, and all that those start, bear the mark."""
        marks = {MARK: str(self._directory), KEEP: "1"}
        before = {name: os.environ[name] for name in marks if name in os.environ}
        os.environ.update(marks)
        try:
            yield
        finally:
            for name in marks:
                del os.environ[name]
            os.environ.update(before)

    def close(self) -> None:
        """End what is left, remove the directory, and end the guard."""
        self._process.communicate()


def sweep(directory: Path, patience: float = PATIENCE) -> None:
    """Kill every other process that bears the mark, until none is left; remove the directory."""
    end, quiet = time.monotonic() + patience, 0
    while time.monotonic() < end and quiet < LOOKS:
        left = _marked(directory)
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)
        quiet = 0 if left or directory.exists() else quiet + 1
        time.sleep(0.01)


def _marked(directory: Path) -> list[int]:
    mark = f"{MARK}={directory}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Unreadable: of another user, or gone by now. That of a zombie is empty.
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return [process for process in found if process != os.getpid()]


def main(arguments: list[str] | None = None) -> None:
    """Wait for the end of standard input, then sweep."""
    parser = argparse.ArgumentParser(prog="python -m workers.dispatch.guard", description=__doc__)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args(arguments).directory
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    sweep(directory)


if __name__ == "__main__":
    main()
