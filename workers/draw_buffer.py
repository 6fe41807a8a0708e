"""Draws between the engine and the sink: gathered into blocks and constrained a block at a time.

Shape letters: `C` chains, `K` draws of a block, `D` unconstrained dimension.
"""

import math
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.checkpoints.checkpoint import Held
from workers.engines.engine import Info
from workers.sink import AbstractSink, Array

#: Draws per chain in a block at the most: how far a reader of a running job may be behind.
MOST_DRAWS = 100
#: Numbers in a constrained block at the most.
MOST_NUMBERS = 1 << 22


class DrawBuffer:
    """Gathers an engine's draws and hands them to the sink in blocks."""

    def __init__(
        self, density: AbstractLogDensity, sink: AbstractSink, held: Held | None = None
    ) -> None:
        """Begin empty, or with what an interrupted run held."""
        self._density = density
        self._sink = sink
        shapes = [p.shape for p in density.parameters] + [d.shape for d in density.deterministics]
        self._width = density.dim + sum(math.prod(shape) for shape in shapes)
        held = held or Held()
        self._draws: list[Tensor] = list(held.draws)
        self._stats: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._stats.update({name: list(values) for name, values in held.stats.items()})
        self._held = sum(z.shape[1] for z in self._draws)
        #: Whether every draw so far was finite.
        self.finite = True

    @property
    def held(self) -> Held:
        """What waits to be written."""
        return Held(tuple(self._draws), {name: tuple(v) for name, v in self._stats.items()})

    @property
    def empty(self) -> bool:
        """Whether nothing waits: the draws so far are a whole number of blocks."""
        return not self._held

    def add(self, info: Info) -> None:
        """Take what a step made; write once a block is full."""
        if info.draws is None:
            return
        self._draws.append(info.draws)
        for name, values in info.stats.items():
            self._stats[name].append(values)
        self._held += info.draws.shape[1]
        if self._held >= self._most(info.draws):
            self.flush()

    def flush(self) -> None:
        """Write all that is held."""
        if not self._held:
            return
        z = torch.cat(self._draws, dim=1)  # C x K x D
        stats = {name: torch.cat(values, dim=1) for name, values in self._stats.items()}
        self._draws, self._held = [], 0
        self._stats.clear()
        self.finite = self.finite and bool(z.isfinite().all())
        most = self._most(z)
        for first in range(0, z.shape[1], most):
            part = slice(first, first + most)
            self._sink.write(
                self._constrain(z[:, part]),
                {name: _array(values[:, part]) for name, values in stats.items()},
            )

    def _most(self, z: Tensor) -> int:
        return max(1, min(MOST_DRAWS, MOST_NUMBERS // (len(z) * self._width)))

    def _constrain(self, z: Tensor) -> dict[str, Array]:
        chains, count = z.shape[:2]
        values = self._density.constrain(z.reshape(chains * count, -1))
        return {
            name: _array(value).reshape(chains, count, *value.shape[1:])
            for name, value in values.items()
        }


def _array(values: Tensor) -> Array:
    array: Array = values.detach().to("cpu", torch.float64).numpy()
    return np.ascontiguousarray(array)
