"""Small functions of a point, compiled many at a time, beside what torch itself gives."""

import ctypes
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.compiled import record_rows
from models.native.partition import Partition, partition
from models.native.program import INCLUDES, bound
from models.native.source import Function, functions
from models.toolchain import build, load
from models.trace import fenced

#: Numbers of a point, for functions that do not say otherwise.
SIZE = 12
DTYPES = (torch.float64, torch.float32)
#: In a run of float64, and of float32.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}
_ALIGN = 64


@dataclass(frozen=True)
class Trial:
    """A function of `z`: `D` and data, float tensors of which take the run's dtype."""

    function: Callable[..., Tensor]
    data: tuple[Tensor, ...] = ()
    size: int = SIZE

    def arguments(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return tuple(x.to(dtype) if x.dtype == torch.float64 and x.dim() else x for x in self.data)


def trial(function: Callable[..., Tensor], *data: Tensor, size: int = SIZE) -> Trial:
    return Trial(function, data, size)


def value_and_pull(one: Trial, dtype: torch.dtype) -> Callable[..., tuple[Tensor, Tensor]]:
    """The function with the gradient of its results' weighted sum."""

    def both(z: Tensor, *data: Tensor) -> tuple[Tensor, Tensor]:
        def real(row: Tensor) -> Tensor:
            result = one.function(row, *data)
            return result if result.is_floating_point() else result.to(dtype)

        out, pull = torch.func.vjp(real, z)
        count = max(1, out.numel())
        weights = 1 + torch.arange(count, dtype=out.dtype)[: out.numel()] / count
        return out, pull(weights.reshape(out.shape))[0]

    return both


def ordinary(dtype: torch.dtype, count: int = 3, size: int = SIZE) -> Tensor:
    """Points with nothing special about them."""
    generator = torch.Generator().manual_seed(11)
    return torch.randn(count, size, dtype=torch.float64, generator=generator).to(dtype)


def special(dtype: torch.dtype, size: int = SIZE) -> Tensor:
    """Points with numbers that are not finite, or zero, or large, or small."""
    values = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 30.0, -30.0, 90.0, -90.0, 1e-30]
    odd = torch.tensor(values, dtype=torch.float64)
    rows = [odd.roll(shift).repeat(-(-size // len(odd)))[:size] for shift in range(len(odd))]
    mixed = ordinary(torch.float64, len(odd), size)
    alone = [torch.cat([odd[n : n + 1], mixed[n, 1:]]) for n in range(len(odd))]
    return torch.stack([*rows, *alone]).to(dtype)


class Compiled:
    """Functions in one translation unit.

    Scratch and results are filled with NaN before every call, so that what is read before it is
    written, or never written, shows.
    """

    def __init__(
        self,
        trials: Mapping[str, Trial],
        dtype: torch.dtype,
        cache: Path | None,
        now: bool = True,
        pairs: bool = True,
        prefix: str = "",
    ) -> None:
        self._dtype, self._cache = dtype, cache
        #: What the recorded graphs call.
        self.operations: set[Any] = set()
        self._trials = dict(trials)
        self._numbers = {name: number for number, name in enumerate(trials)}
        self._outs: list[list[tuple[tuple[int, ...], torch.dtype]]] = []
        parts = [self._cut(one) for one in self._trials.values()]
        graphs = [
            Function(f"trial{n}", part.main, tuple(_kind(kind) for _, kind in self._outs[n]))
            for n, part in enumerate(parts)
        ]
        source = functions(graphs, dtype, pairs)
        self.source = replace(source, text=prefix + source.text)
        results = [
            part.prologue(*one.arguments(dtype))
            for part, one in zip(parts, self._trials.values(), strict=True)
        ]
        self._arrays = bound(self.source, results)
        pointers = [a.data_ptr() for a in self._arrays]
        self._table = (ctypes.c_void_p * max(1, len(pointers)))(*pointers)
        if now:
            self.build()

    def build(self) -> None:
        """Compile."""
        text, cache = self.source.text, self._cache
        assert cache is not None
        self._library = load(build(text, name="trials", includes=INCLUDES, cache_dir=cache))
        self.lanes = self._library.credence_lanes()

    def _cut(self, one: Trial) -> Partition:
        both = value_and_pull(one, self._dtype)
        z, arguments = ordinary(self._dtype, 1, one.size), one.arguments(self._dtype)
        with fenced():
            graph = record_rows(both, z, arguments)
            self._outs.append([(tuple(o.shape), o.dtype) for o in both(z[0], *arguments)])
        self.operations |= {node.target for node in graph.graph.nodes}
        return partition(graph, arguments)

    def __call__(self, name: str, rows: Tensor) -> list[Tensor]:
        """Call one function at points, `C x D`, in blocks; a block's last lanes repeat a point."""
        number, missing = self._numbers[name], -len(rows) % self.lanes
        padded = torch.cat([rows, rows[-1:].expand(missing, -1)])
        blocks = [self._block(number, part) for part in padded.split(self.lanes)]
        return [torch.cat(parts)[: len(rows)] for parts in zip(*blocks, strict=True)]

    def _block(self, number: int, rows: Tensor) -> list[Tensor]:
        position = _aligned(rows.T.reshape(-1))
        shapes = self._outs[number]
        outs = [
            _aligned(torch.full((math.prod(shape) * self.lanes,), math.nan, dtype=dtype))
            for shape, dtype in shapes
        ]
        scratch = _aligned(torch.full((self._library.credence_scratch() // 4,), math.nan))
        call = getattr(self._library, f"trial{number}")
        pointers = [position, *outs, scratch]
        call(self._table, *(ctypes.c_void_p(x.data_ptr()) for x in pointers))
        return [
            out.reshape(-1, self.lanes).T.reshape(self.lanes, *shape)
            for out, (shape, _) in zip(outs, shapes, strict=True)
        ]


def _kind(dtype: torch.dtype) -> str:
    return "double" if dtype == torch.float64 else "real"


def _aligned(values: Tensor) -> Tensor:
    """The same numbers at an address that vectors may lie at."""
    room = torch.empty(values.numel() * values.itemsize + _ALIGN, dtype=torch.uint8)
    start = -room.data_ptr() % _ALIGN
    place = room[start : start + values.numel() * values.itemsize].view(values.dtype)
    return place.copy_(values)


def expected(one: Trial, rows: Tensor) -> list[Tensor]:
    """What torch gives, row by row."""
    both, arguments = value_and_pull(one, rows.dtype), one.arguments(rows.dtype)
    results = [both(row, *arguments) for row in rows]
    return [torch.stack(column) for column in zip(*results, strict=True)]


def check(compiled: Compiled, name: str, one: Trial, rows: Tensor, **more: Any) -> None:
    """Compare values and gradients with torch's."""
    tolerance = {"rtol": TOLERANCE[rows.dtype], "atol": TOLERANCE[rows.dtype], **more}
    for got, wanted in zip(compiled(name, rows), expected(one, rows), strict=True):
        torch.testing.assert_close(got, wanted, equal_nan=True, **tolerance)
