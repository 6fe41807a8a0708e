"""`python -m models.stan.child`: evaluates one Stan program for the process that started it.

Native code runs a stranger's program here, so this process is confined before it sees one, and
expected to end at any time. Arrays lie in memory that both processes see; a socket carries a header
of nine bytes either way and, where there is something to say, JSON. It starts for every program, so
it imports nothing but what it needs.
"""

import ctypes
import json
import mmap
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from models.stan.confinement import confine
from models.stan.library import Library, Model, ProgramError
from models.stan.sampling import STATISTICS, sample

#: What is asked, how many rows, bytes that follow; and whether it went well, bytes that follow.
REQUEST, REPLY = struct.Struct("=BII"), struct.Struct("=BQ")
#: Asked without a word: log densities, those of the transforms, columns, columns that all see the
#: same random numbers, the columns of the parameters alone.
GRADIENTS, TRANSFORMS, COLUMNS, ALIKE, PARAMETERS = 1, 2, 3, 4, 5
#: Asked with a JSON object, whose `task` says what; and data, which follow a program.
QUESTION, DATA = 6, 7
#: The state of the exchange's slot that waits for an answer.
ASKED = 1
#: How this process ends when one evaluation takes too long.
LATE = 75
#: The numbers of shared memory before the arrays: whether to stop, how far the sampler is.
STOP, DONE, HEAD = 0, 1, 8
#: Seconds of a row from which on rows are shared among threads: less would cost more than it gains.
DEAR = 5e-5


class Child:
    """Answers until the other end of the socket is closed.

    Args:
        channel: the socket.
        shared: descriptor of the memory that both processes see.
        library: path of the library.
        threads: how many may evaluate rows at a time.
        seconds: of processor time that one evaluation may take.
        code: path of the exchange with native code; empty where there is none.
    """

    def __init__(
        self,
        channel: socket.socket,
        shared: int,
        library: str,
        threads: int,
        seconds: float,
        code: str,
    ) -> None:
        self._channel, self._shared = channel, shared
        self._library = Library(library)
        self._code = ctypes.CDLL(code) if code else None
        #: Where the exchange's slots tell their state, and how many points were begun.
        self._slots: list[tuple[ctypes.c_uint32, ctypes.c_int64]] = []
        self._exchanged: mmap.mmap | None = None
        self._threads, self._seconds = threads, seconds
        self._pool = None
        if threads > 1:
            # Seldom wanted, and slow to import. Its threads start when there is work: confined.
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(threads)
        self._memory: mmap.mmap | None = None
        self._base = 0
        self._rows = 0
        self._model: Model | None = None
        self._transforms: Model | None = None
        #: The program as the compiler hands it on, and the text of that of its transforms.
        self._program, self._bare = "", b""
        self._data, self._seed = b"{}", 0
        self._draws: tuple[ctypes.Array[Any], ctypes.Array[Any]] | None = None
        #: Whether there is something to do, and a number that changes while it goes on.
        self._busy, self._turns = False, 0

    def serve(self) -> None:
        """Answer one request after the other."""
        threading.Thread(target=self._watch, daemon=True).start()
        while (head := _receive(self._channel, REQUEST.size)) is not None:
            what, rows, size = REQUEST.unpack(head)
            body = _receive(self._channel, size) or b""
            self._busy, self._turns = True, self._turns + 1
            try:
                answer = self._answer(what, rows, body)
                good = 1
            except ProgramError as error:
                good, answer = 0, json.dumps({"message": str(error)}).encode()
            except MemoryError:
                good, answer = 0, json.dumps({"message": "std::bad_alloc"}).encode()
            self._busy = False
            self._channel.sendall(REPLY.pack(good, len(answer)) + answer)

    def _answer(self, what: int, rows: int, body: bytes) -> bytes:
        if what == GRADIENTS:
            self._evaluate(self._known(), rows)
            return b""
        if what == TRANSFORMS:
            self._evaluate(self._of_transforms(), rows)
            return b""
        if what in (COLUMNS, ALIKE):
            self._columns(rows, what == ALIKE)
            return b""
        if what == PARAMETERS:
            self._known().parameters(self._points, self._results, range(rows))
            return b""
        if what == DATA:
            return self._build(body)
        question = json.loads(body)
        task: Callable[[dict[str, Any]], Any] = getattr(self, "_do_" + question.pop("task"))
        return json.dumps(task(question)).encode()

    def _do_translate(self, question: dict[str, Any]) -> dict[str, Any]:
        self._program = self._library.translate(question["source"].encode())
        return {}

    def _do_transforms(self, question: dict[str, Any]) -> dict[str, Any]:
        """Take the program of the transforms alone; the data follow."""
        self._bare, self._seed = question["source"].encode(), question["seed"]
        return {}

    def _build(self, data: bytes) -> bytes:
        self._data = data
        self._model = model = self._library.model(self._program, data, self._seed)
        facts = {"dim": model.dim, "columns": model.columns, "coordinates": model.coordinates}
        return json.dumps(facts).encode()

    def _do_share(self, question: dict[str, Any]) -> dict[str, Any]:
        """Look at the memory that both processes see, which now has its size."""
        self._memory = mmap.mmap(self._shared, question["bytes"])
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._rows = question["rows"]
        return {}

    def _do_exchange(self, question: dict[str, Any]) -> int:
        """Answer native code from now on, by memory that lies behind the arrays."""
        assert self._code is not None
        slots, stride, model = question["slots"], question["stride"], self._known()
        size = ctypes.c_int64
        self._exchanged = mmap.mmap(self._shared, slots * stride, offset=question["offset"])
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._exchanged))
        begun = self._code.credence_exchange_begun()
        self._slots = [
            (ctypes.c_uint32.from_address(at), size.from_address(at + begun))
            for at in range(base, base + slots * stride, stride)
        ]
        started: int = self._code.credence_exchange_answer(
            ctypes.c_void_p(base), size(slots), size(stride), size(model.dim),
            size(question["lanes"]), ctypes.c_void_p(model.gradient_address), model.handle,
        )  # fmt: skip
        return started

    def _do_reason(self, question: dict[str, Any]) -> str:
        return self._known().reason(self._points)

    def _do_unconstrain(self, question: dict[str, Any]) -> dict[str, Any]:
        self._known().unconstrain(json.dumps(question["values"]).encode(), self._points)
        return {}

    def _do_sample(self, question: dict[str, Any]) -> bool:
        model, count = self._known(), question["chains"] * question["draws"]
        draws, statistics = (
            (ctypes.c_double * (count * width))() for width in (model.dim, STATISTICS)
        )
        head = (ctypes.c_double * HEAD).from_address(self._base)

        def progress(at: int) -> None:
            head[DONE] = at

        def stop() -> bool:
            self._turns += 1
            return bool(head[STOP])

        over = sample(
            model,
            {**question, "threads": self._threads},
            ctypes.addressof(draws),
            ctypes.addressof(statistics),
            progress,
            stop,
        )
        self._draws = (draws, statistics)
        return over

    def _do_fetch(self, question: dict[str, Any]) -> dict[str, Any]:
        """Copy rows of the draws, then of their statistics, to where points lie."""
        assert self._draws is not None
        first, count = question["first"], question["count"]
        into = self._points
        for values, width in zip(self._draws, (self._known().dim, STATISTICS), strict=True):
            size = 8 * width * count
            ctypes.memmove(into, ctypes.addressof(values) + 8 * width * first, size)
            into += size
        return {}

    @property
    def _points(self) -> int:
        return self._base + 8 * HEAD

    @property
    def _results(self) -> int:
        return self._points + 8 * self._rows * self._known().dim

    def _known(self) -> Model:
        assert self._model is not None
        return self._model

    def _of_transforms(self) -> Model:
        if self._transforms is None:
            program = self._library.translate(self._bare)
            self._transforms = self._library.model(program, self._data, self._seed)
        return self._transforms

    def _evaluate(self, model: Model, rows: int) -> None:
        value, began = self._results, time.perf_counter()

        def part(some: range) -> None:
            model.gradients(self._points, value, value + 8 * self._rows, some)

        if self._pool is None or rows == 1:
            part(range(rows))
            return
        # The first row tells what the others will cost.
        part(range(1))
        if time.perf_counter() - began < DEAR:
            part(range(1, rows))
        else:
            shares = [range(1 + k, rows, self._threads) for k in range(self._threads)]
            list(self._pool.map(part, shares))

    def _columns(self, rows: int, alike: bool) -> None:
        self._known().constrain(self._points, self._results, range(rows), alike)

    def _watch(self) -> None:
        """End the process when its parent is gone, or when one evaluation takes too long."""
        ends = select.poll()
        # No event is asked for: that the other end has gone is always told.
        ends.register(self._channel, 0)
        seen, since, begun = -1, 0.0, 0.0
        while True:
            if ends.poll(250):
                os._exit(0)
            used, now, turns = time.process_time(), time.monotonic(), self._progress()
            asked = self._busy or any(state.value == ASKED for state, _ in self._slots)
            if not asked or turns != seen:
                seen, since, begun = turns, used, now
            elif used - since > self._seconds or now - begun > 20 * self._seconds:
                os._exit(LATE)

    def _progress(self) -> int:
        models = (self._model, self._transforms)
        own = sum(model.turns for model in models if model is not None)
        return self._turns + own + sum(begun.value for _, begun in self._slots)


def _receive(channel: socket.socket, size: int) -> bytes | None:
    """Return so many bytes; None at the end."""
    parts: list[bytes] = []
    while size:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main(arguments: list[str]) -> None:
    """Run the child.

    Args:
        arguments: descriptors of the socket and of the shared memory, path of the library,
            threads, seconds of one evaluation, bytes of memory, path of the exchange or nothing.
    """
    descriptor, shared, library, threads, seconds, memory, code = arguments
    channel = socket.socket(fileno=int(descriptor))
    child = Child(channel, int(shared), library, int(threads), float(seconds), code)
    confined = confine(int(memory))
    channel.sendall(REPLY.pack(int(confined), 0))
    child.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
