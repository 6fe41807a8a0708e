"""Draws kept in memory: for tests, and for programs that use the workers as a library.

Shape letters: `C` chains, `N` draws.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workers.sink import Array


class MemoryDraws:
    """The draws of a run by name; a run without draws has 0 chains."""

    def __init__(self, values: Mapping[str, Array], stats: Mapping[str, Array]) -> None:
        """Keep constrained draws, `C x N x shape` each, and statistics, `C x N` each."""
        self._values = dict(values)
        self._stats = dict(stats)
        first = next(iter(self._values.values()), np.empty((0, 0)))
        self.chains: int = first.shape[0]
        self.draws: int = first.shape[1]

    def names(self) -> tuple[str, ...]:
        """Return the parameters, then the deterministics, in the model's order."""
        return tuple(self._values)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return one quantity's shape."""
        return self._values[name].shape[2:]

    def values(self, name: str) -> Array:
        """Return one quantity, `C x N x shape` in float64."""
        return self._values[name]

    def entries(self, name: str, width: int) -> Iterator[Array]:
        """Return one quantity's entries in order, at most `width` at a time, `width x C x N`."""
        size = math.prod(self.shape(name))
        entries = self._values[name].reshape(self.chains, self.draws, size).transpose(2, 0, 1)
        for first in range(0, size, width):
            yield entries[first : first + width]

    def stats(self, name: str) -> Array | None:
        """Return a sampler statistic, `C x N`, or None where the engine has none."""
        return self._stats.get(name)


class MemorySink:
    """Keeps what a run gives."""

    def __init__(self) -> None:
        #: Every event in order: kind and payload.
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._values: defaultdict[str, list[Array]] = defaultdict(list)
        self._stats: defaultdict[str, list[Array]] = defaultdict(list)

    def emit(self, kind: str, payload: dict[str, Any]) -> None:
        """Keep an event."""
        self.events.append((kind, payload))

    def write(self, draws: Mapping[str, Array], stats: Mapping[str, Array]) -> None:
        """Keep a block: draws `C x K x shape` by name, statistics `C x K` by name."""
        for name, values in draws.items():
            self._values[name].append(values)
        for name, values in stats.items():
            self._stats[name].append(values)

    def draws(self) -> MemoryDraws:
        """Return the blocks joined."""
        return MemoryDraws(_joined(self._values), _joined(self._stats))


def _joined(blocks: Mapping[str, list[Array]]) -> dict[str, Array]:
    return {name: np.concatenate(parts, axis=1) for name, parts in blocks.items()}
