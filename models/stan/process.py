"""The process that evaluates one Stan program, as seen from ours.

Whatever happens there (a crash, an endless loop, a terabyte) is an error here with its reason.
"""

import json
import mmap
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import TooLargeError
from models.native.handle import DensityHandle
from models.stan import child
from models.stan.child import HEAD
from models.stan.exchange import Exchange
from models.stan.facts import Facts
from models.stan.link import Link, Means
from models.stan.sampling import STATISTICS
from models.stan.spare import Spare

Array = NDArray[np.float64]

#: Numbers of the shared memory's arrays, about: a batch of chains fits, and the cache keeps it.
NUMBERS = 1 << 18


class StanProcess:
    """A confined process with one program. One thread at a time asks, others wait.

    Args:
        means: what it may use.
        spare: where one may wait already; absent, it is started now.

    Raises:
        UnavailableError: the library is not installed.
    """

    def __init__(self, means: Means, spare: Spare | None = None) -> None:
        #: What it may use.
        self.means = means
        self._spare = spare
        self._link = Link(means) if spare is None else spare.take(means)
        if spare is not None:
            # For the next program, which may come as soon as this one is done with.
            spare.prepare(means)
        self._lock = threading.Lock()
        self._exchange: Exchange | None = None
        #: What it evaluates: the program, that of its transforms, data, seed.
        self._recipe = ("", "", b"{}", 0)
        self._numbers: Array = np.empty(0)
        self._batch = 0
        self.facts = Facts(0, ((), (), ()), ())

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._link.pid

    @property
    def confined(self) -> bool:
        """Whether the system calls of the process are filtered."""
        return self._link.confined

    def close(self) -> None:
        """End the process."""
        self._link.close()

    def too_large(self) -> TooLargeError:
        """Return what is said of a program that asks for more memory than it may."""
        return self._link.too_large()

    def alike(self, code: Path) -> "StanProcess":
        """Return another process with the same program and data, that native code may ask."""
        source, transforms, _, _ = self._recipe
        return self._another(code, source, transforms)

    def beside(self, source: str) -> "StanProcess":
        """Return another process with the same data, and another program that reads them.

        Raises:
            RefusedError: it does not compile, or not with these data.
        """
        return self._another(None, source, "")

    def _another(self, code: Path | None, source: str, transforms: str) -> "StanProcess":
        _, _, data, seed = self._recipe
        found = StanProcess(replace(self.means, code=code))
        try:
            found.translate(source)
            found.build(transforms, data, seed)
        except BaseException:
            found.close()
            raise
        return found

    @property
    def source(self) -> str:
        """The program."""
        return self._recipe[0]

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
            facts = json.loads(self._link.request(child.DATA, body=data))
        columns = tuple(tuple(names) for names in facts["columns"])
        self.facts = Facts(facts["dim"], columns, tuple(facts["coordinates"]))
        self._share(max(self.facts.dim + 1, len(columns[2]), STATISTICS))

    def _share(self, width: int) -> None:
        """Give the shared memory its size: a head, points, and results of this width."""
        dim = self.facts.dim
        self._batch = max(1, min(4096, NUMBERS // (dim + width)))
        # Draws and their statistics are fetched into the same place.
        size = 8 * (HEAD + self._batch * (dim + width))
        self._link.shared.truncate(size)
        mapped = mmap.mmap(self._link.shared.fileno(), size)
        self._numbers = np.frombuffer(mapped, dtype=np.float64)
        self.ask("share", bytes=size, rows=self._batch)

    def exchange(self, dtype: torch.dtype) -> DensityHandle:
        """Return the log density for native code.

        Args:
            dtype: of its positions and gradients.
        """
        assert self.means.code is not None
        made = Exchange(self.means.code, self.facts.dim, dtype, self.means.threads)
        page = mmap.ALLOCATIONGRANULARITY
        with self._lock:
            end = self._link.shared.seek(0, os.SEEK_END)
            offset = -(-end // page) * page
            self._link.shared.truncate(offset + made.bytes)
            started = self._ask(
                "exchange",
                offset=offset,
                slots=self.means.threads,
                stride=made.stride,
                lanes=made.lanes,
            )
        if started < self.means.threads:
            raise self.too_large()
        memory = np.frombuffer(
            mmap.mmap(self._link.shared.fileno(), made.bytes, offset=offset), dtype=np.uint8
        )
        self._exchange = made
        return made.handle(memory.ctypes.data, self._link.channel.fileno(), memory)

    def look(self) -> None:
        """Raise what ended the process, where native code found it ended.

        Raises:
            ModelError: it did.
        """
        if self._exchange is not None and self._exchange.closed:
            raise self._link.death()

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
        what = child.ALIKE if alike else child.COLUMNS
        return self._rows(what, z, len(self.facts.columns[2]))

    def parameters(self, z: Array) -> Array:
        """Return the values of the parameters' columns alone at `z`: `C x D`."""
        return self._rows(child.PARAMETERS, z, len(self.facts.columns[0]))

    def _rows(self, what: int, z: Array, width: int) -> Array:
        """Return what is asked at `z`: `C x D`, as rows of this width."""
        out = np.empty((len(z), width))
        for first in range(0, len(z), self._batch):
            some = slice(first, first + self._batch)
            with self._lock:
                results = self._evaluated(what, z[some])
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
        self._link.send(child.QUESTION, 0, body)

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
        if not self._link.answers(seconds):
            return None
        return bool(json.loads(self._link.answer()))

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
        return json.loads(self._link.request(child.QUESTION, body=body))

    def _points(self, count: int) -> Array:
        return self._numbers[HEAD : HEAD + count]

    def _evaluated(self, what: int, z: Array) -> Array:
        self._points(z.size)[:] = z.reshape(-1)
        self._link.request(what, len(z))
        return self._numbers[HEAD + self._batch * self.facts.dim :]
