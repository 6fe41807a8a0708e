"""The process that evaluates one Stan program, as seen from ours.

Whatever happens there (a crash, an endless loop, a terabyte) is an error here with its reason.
"""

import contextlib
import importlib.util
import json
import mmap
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from models.errors import DefinitionError, TooLargeError, UnavailableError
from models.native.handle import DensityHandle
from models.stan import child
from models.stan.child import HEAD, REPLY, REQUEST
from models.stan.exchange import Exchange
from models.stan.library import STATISTICS

log = structlog.get_logger()

Array = NDArray[np.float64]

#: Bytes that an evaluation may take, and seconds of processor time, in a check and in a worker.
MEMORY, SECONDS = 1 << 31, 30.0
#: Numbers of the shared memory's arrays, about: a batch of chains fits, and the cache keeps it.
NUMBERS = 1 << 18
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
class Facts:
    """What the library says of a program with its data."""

    #: `D`.
    dim: int
    #: Columns of parameters, with transformed parameters, and with generated quantities.
    columns: tuple[tuple[str, ...], ...]
    #: Names of the unconstrained coordinates.
    coordinates: tuple[str, ...]


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


class StanProcess:
    """A confined process with one program. One thread at a time asks, others wait.

    Args:
        threads: how many may evaluate points at a time.
        memory: bytes that it may take.
        seconds: of processor time that one evaluation may take, and the compiler.
        code: the exchange with native code, where it may be asked by that.
    """

    def __init__(
        self,
        threads: int = 1,
        memory: int = MEMORY,
        seconds: float = SECONDS,
        code: Path | None = None,
    ) -> None:
        path = library()
        self._seconds, self._memory = seconds, memory
        #: What it may be asked with.
        self.code = code
        self._exchange: Exchange | None = None
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        self._shared = _nameless()
        numbers = (theirs.fileno(), self._shared.fileno())
        # Without the installed packages: looking for them takes longer than all else.
        command = [sys.executable, "-S", "-P", "-m", "models.stan.child", *map(str, numbers), path]
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(threads), str(seconds), str(memory), str(code or "")],
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                # Programs may print; nobody listens.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**_environment(), "PYTHONPATH": str(_ROOT)},
            )
        self._end = weakref.finalize(self, _end, self._process, self._channel, self._shared)
        #: Whether the system calls of the process are filtered.
        self.confined = bool(self._receive(START_SECONDS)[0])
        if not self.confined:
            log.warning("Stan program not confined", action="run_unconfined")
        self._threads = threads
        self._recipe = ("", "", b"{}", 0)
        self._numbers: Array = np.empty(0)
        self._batch = 0
        self.facts = Facts(0, ((), (), ()), ())

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._end()

    def alike(self, code: Path) -> "StanProcess":
        """Return another process with the same program and data, that native code may ask."""
        source, transforms, data, seed = self._recipe
        found = StanProcess(self._threads, self._memory, self._seconds, code)
        found.translate(source)
        found.build(transforms, data, seed)
        return found

    def translate(self, source: str) -> None:
        """Compile a program.

        Raises:
            RefusedError: it does not compile.
        """
        self._recipe = (source, "", b"{}", 0)
        self.ask("translate", source=source)

    def build(self, transforms: str, data: bytes, seed: int) -> None:
        """Make a density of the program that was compiled; `facts` tells about it.

        Args:
            transforms: the program whose log density is that of the other's transforms.
            data: a JSON object.
            seed: of its random numbers.

        Raises:
            RefusedError: the data do not fit.
        """
        self._recipe = (self._recipe[0], transforms, data, seed)
        self.ask("transforms", source=transforms, seed=seed)
        with self._lock:
            facts = json.loads(self._request(child.DATA, 0, data))
        columns = tuple(tuple(names) for names in facts["columns"])
        self.facts = Facts(facts["dim"], columns, tuple(facts["coordinates"]))
        self._share(max(self.facts.dim + 1, len(columns[2]), STATISTICS))

    def _share(self, width: int) -> None:
        """Give the shared memory its size: a head, points, and results of this width."""
        dim = self.facts.dim
        self._batch = max(1, min(4096, NUMBERS // (dim + width)))
        # Draws and their statistics are fetched into the same place.
        size = 8 * (HEAD + self._batch * (dim + width))
        self._shared.truncate(size)
        mapped = mmap.mmap(self._shared.fileno(), size)
        self._numbers = np.frombuffer(mapped, dtype=np.float64)
        self.ask("share", bytes=size, rows=self._batch)

    def exchange(self, dtype: torch.dtype) -> DensityHandle:
        """Return the log density for native code.

        Args:
            dtype: of its positions and gradients.
        """
        assert self.code is not None
        made = Exchange(self.code, self.facts.dim, dtype, self._threads)
        page = mmap.ALLOCATIONGRANULARITY
        with self._lock:
            end = self._shared.seek(0, os.SEEK_END)
            offset = -(-end // page) * page
            self._shared.truncate(offset + made.bytes)
            started = self._ask(
                "exchange",
                offset=offset,
                slots=self._threads,
                stride=made.stride,
                lanes=made.lanes,
            )
        if started < self._threads:
            raise self.too_large()
        memory = np.frombuffer(
            mmap.mmap(self._shared.fileno(), made.bytes, offset=offset), dtype=np.uint8
        )
        self._exchange = made
        return made.handle(memory.ctypes.data, self._channel.fileno(), memory)

    def look(self) -> None:
        """Raise what ended the process, where native code found it ended.

        Raises:
            ModelError: it did.
        """
        if self._exchange is not None and self._exchange.closed:
            raise self._death()

    def gradients(self, z: Array, transforms: bool = False) -> tuple[Array, Array]:
        """Return log densities, `C`, and gradients, `C x D`, at `z`: `C x D`.

        Args:
            z: points. Where the program rejects one it has -inf and no gradient.
            transforms: ask for log |det J| instead.
        """
        dim, what = self.facts.dim, child.TRANSFORMS if transforms else child.GRADIENTS
        value, gradient = np.empty(len(z)), np.empty((len(z), dim))
        for first in range(0, len(z), self._batch):
            some = slice(first, first + self._batch)
            with self._lock:
                results = self._evaluated(what, z[some])
                value[some] = results[: len(value[some])]
                slopes = results[self._batch : self._batch + gradient[some].size]
                gradient[some] = slopes.reshape(gradient[some].shape)
        return value, gradient

    def columns(self, z: Array, alike: bool = False) -> Array:
        """Return every column's value at `z`: `C x D`.

        Args:
            z: points.
            alike: whether every point sees the same random numbers; else each has its own, which
                follow those of the points before.
        """
        width = len(self.facts.columns[2])
        out = np.empty((len(z), width))
        for first in range(0, len(z), self._batch):
            some = slice(first, first + self._batch)
            with self._lock:
                results = self._evaluated(child.ALIKE if alike else child.COLUMNS, z[some])
                out[some] = results[: out[some].size].reshape(out[some].shape)
        return out

    def reason(self, z: Array) -> str:
        """Return why the program rejects the point `z`: `D`; empty where it does not."""
        with self._lock:
            self._points(len(z))[:] = z
            return str(self._ask("reason"))

    def unconstrain(self, values: Mapping[str, Any]) -> Array:
        """Return the point, `D`, with these parameters.

        Raises:
            RefusedError: they are none of its parameters'.
        """
        with self._lock:
            self._ask("unconstrain", values=values)
            return self._points(self.facts.dim).copy()

    def begin_sampling(self, options: Mapping[str, Any]) -> None:
        """Start the library's own sampler; `sampled` waits for it."""
        self._numbers[:HEAD] = 0.0
        body = json.dumps({"task": "sample", **options}).encode()
        self._send(REQUEST.pack(child.QUESTION, 0, len(body)) + body)

    def stop_sampling(self) -> None:
        """Ask the sampler to end."""
        self._numbers[child.STOP] = 1.0

    def sampled(self, seconds: float) -> bool | None:
        """Return whether the sampler came to its end; None while it goes on.

        Args:
            seconds: to wait.

        Raises:
            RefusedError: a chain failed.
        """
        if not select.select([self._channel], [], [], seconds)[0]:
            return None
        return bool(json.loads(self._answer()))

    @property
    def iterations(self) -> int:
        """Where the sampler is: of the chain that told last."""
        return int(self._numbers[child.DONE])

    def fetch(self, first: int, count: int) -> tuple[Array, Array]:
        """Return rows of what was sampled, draws `K x D` and statistics, chain after chain."""
        dim, most = self.facts.dim, self._batch
        draws, statistics = np.empty((count, dim)), np.empty((count, STATISTICS))
        for start in range(0, count, most):
            some = slice(start, min(start + most, count))
            rows = some.stop - start
            with self._lock:
                self._ask("fetch", first=first + start, count=rows)
                found = self._points(rows * (dim + STATISTICS))
                draws[some] = found[: rows * dim].reshape(rows, dim)
                statistics[some] = found[rows * dim :].reshape(rows, STATISTICS)
        return draws, statistics

    def ask(self, task: str, **question: Any) -> Any:
        """Ask in words."""
        with self._lock:
            return self._ask(task, **question)

    def _ask(self, task: str, **question: Any) -> Any:
        body = json.dumps({"task": task, **question}).encode()
        return json.loads(self._request(child.QUESTION, 0, body))

    def _points(self, count: int) -> Array:
        return self._numbers[HEAD : HEAD + count]

    def _evaluated(self, what: int, z: Array) -> Array:
        self._points(z.size)[:] = z.reshape(-1)
        self._request(what, len(z), b"")
        return self._numbers[HEAD + self._batch * self.facts.dim :]

    def _request(self, what: int, rows: int, body: bytes) -> bytes:
        self._send(REQUEST.pack(what, rows, len(body)) + body)
        return self._answer()

    def _send(self, message: bytes) -> None:
        try:
            self._channel.settimeout(None)
            self._channel.sendall(message)
        except OSError:
            raise self._death() from None

    def _answer(self) -> bytes:
        good, body = self._receive(None)
        if not good:
            raise RefusedError(json.loads(body)["message"])
        return body

    def _receive(self, patience: float | None) -> tuple[int, bytes]:
        try:
            self._channel.settimeout(patience)
            good, size = REPLY.unpack(self._exactly(REPLY.size))
            if size > LONGEST:
                # Not by any means of ours.
                self._process.kill()
            return good, self._exactly(size)
        except OSError:
            raise self._death() from None

    def _exactly(self, size: int) -> bytes:
        body = b""
        while len(body) < size:
            part = self._channel.recv(size - len(body))
            if not part:
                raise ConnectionResetError
            body += part
        return body

    def too_large(self) -> TooLargeError:
        """Return what is said of a program that asks for more memory than it may."""
        size = f"{self._memory / 2**30:.1f} GiB"
        return TooLargeError(
            "model", f"the program takes more than {size} of memory; use smaller shapes"
        )

    def _death(self) -> Exception:
        """Return why the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        code = self._process.returncode
        self.close()
        if code == child.LATE:
            return TooLargeError(
                "model",
                f"one evaluation takes longer than {self._seconds:g} s; use fewer loop steps, "
                "vector operations instead of loops, or less data",
            )
        if code == -signal.SIGKILL:
            return self.too_large()
        how = f"with code {code}" if code is None or code >= 0 else f"by {_signal(-code)}"
        return DefinitionError(
            "model",
            f"the program ended the process that evaluates it, {how}; "
            "look for recursion without end and for what the functions are called with",
        )


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
