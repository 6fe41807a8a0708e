"""Starting the process of a Stan program, speaking to it, and telling why it ended."""

import contextlib
import importlib.util
import json
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from models.errors import DefinitionError, TooLargeError, UnavailableError
from models.stan.child import LATE, REPLY, REQUEST

log = structlog.get_logger()

#: Bytes that a program may take, and seconds of processor time of one evaluation.
MEMORY, SECONDS = 1 << 31, 30.0
#: Bytes of an answer in words at the most: names of columns.
LONGEST = 1 << 28
#: Seconds for the process to start.
START_SECONDS = 60.0
#: What the process keeps of our environment, in which there may be secrets.
_KEPT = ("PATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
#: Where `models` lies.
_ROOT = Path(__file__).parents[2]
_LIBRARIES = {"Darwin": "libstanli.dylib"}


class RefusedError(Exception):
    """The library refuses what it was asked; the message is its own."""


@dataclass(frozen=True)
class Means:
    """What a process may use."""

    #: How many threads may evaluate points at a time.
    threads: int = 1
    #: Bytes of memory.
    memory: int = MEMORY
    #: Processor time of one evaluation, and of the compiler.
    seconds: float = SECONDS
    #: The exchange with native code, where it may be asked by that.
    code: Path | None = None


class Link:
    """A child process, the socket to it, and a file that both can map.

    Args:
        means: what it may use.

    Raises:
        UnavailableError: the library is not installed.
    """

    def __init__(self, means: Means) -> None:
        path = library()
        #: What it may use.
        self.means = means
        self.channel, theirs = socket.socketpair()
        self.shared = _nameless()
        numbers = (theirs.fileno(), self.shared.fileno())
        # Without the installed packages: looking for them takes longer than all else.
        command = [sys.executable, "-S", "-P", "-m", "models.stan.child", *map(str, numbers), path]
        limits = (means.threads, means.seconds, means.memory, means.code or "")
        with theirs:
            self._process = subprocess.Popen(
                [*command, *map(str, limits)],
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                # Programs may print; nobody listens.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**_environment(), "PYTHONPATH": str(_ROOT)},
            )
        self._end = weakref.finalize(self, _end, self._process, self.channel, self.shared)
        #: Whether the system calls of the process are filtered.
        self.confined = bool(self._receive(START_SECONDS)[0])
        if not self.confined:
            log.warning("Stan program not confined", action="run_unconfined")

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._end()

    def request(self, what: int, rows: int = 0, body: bytes = b"") -> bytes:
        """Ask, and return what is answered in words.

        Raises:
            RefusedError: the library refuses it.
            ModelError: the process has ended.
        """
        self.send(what, rows, body)
        return self.answer()

    def send(self, what: int, rows: int, body: bytes) -> None:
        """Ask; `answer` waits for the answer."""
        try:
            self.channel.settimeout(None)
            self.channel.sendall(REQUEST.pack(what, rows, len(body)) + body)
        except OSError:
            raise self.death() from None

    def answers(self, seconds: float) -> bool:
        """Return whether an answer, or the process's end, comes in so many seconds."""
        return bool(select.select([self.channel], [], [], seconds)[0])

    def answer(self) -> bytes:
        """Return the answer; raises as `request`."""
        good, body = self._receive(None)
        if not good:
            raise RefusedError(json.loads(body)["message"])
        return body

    def too_large(self) -> TooLargeError:
        """Return what is said of a program that asks for more memory than it may."""
        size = f"{self.means.memory / 2**30:.1f} GiB"
        return TooLargeError(
            "model", f"the program takes more than {size} of memory; use smaller shapes"
        )

    def death(self) -> TooLargeError | DefinitionError:
        """Return why the process has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        code = self._process.returncode
        self.close()
        if code == LATE:
            return TooLargeError(
                "model",
                f"one evaluation takes longer than {self.means.seconds:g} s; use fewer loop "
                "steps, vector operations instead of loops, or less data",
            )
        if code == -signal.SIGKILL:
            return self.too_large()
        how = f"with code {code}" if code is None or code >= 0 else f"by {_signal(-code)}"
        return DefinitionError(
            "model",
            f"the program ended the process that evaluates it, {how}; "
            "look for recursion without end and for what the functions are called with",
        )

    def _receive(self, patience: float | None) -> tuple[int, bytes]:
        try:
            self.channel.settimeout(patience)
            good, size = REPLY.unpack(self._exactly(REPLY.size))
            if size > LONGEST:
                # Not by any means of ours.
                self._process.kill()
            return good, self._exactly(size)
        except OSError:
            raise self.death() from None

    def _exactly(self, size: int) -> bytes:
        body = bytearray()
        while len(body) < size:
            part = self.channel.recv(size - len(body))
            if not part:
                raise ConnectionResetError
            body += part
        return bytes(body)


def library() -> str:
    """Return the path of the library.

    Raises:
        UnavailableError: it is not installed.
    """
    found = importlib.util.find_spec("stanli")
    name = _LIBRARIES.get(platform.system(), "libstanli.so")
    path = Path(found.origin).parent / "_bin" / name if found and found.origin else None
    if path is None or not path.is_file():
        raise UnavailableError(
            "model.language",
            "Stan programs need the package stanli, which is not installed here; install "
            "credence-inference[stan]",
        )
    return str(path)


def _nameless() -> Any:
    """Return an empty file without a name: memory, where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stan"), "w+b", buffering=0)
    return tempfile.TemporaryFile()


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(process: subprocess.Popen[bytes], channel: socket.socket, shared: Any) -> None:
    process.kill()
    channel.close()
    shared.close()
    process.wait()
