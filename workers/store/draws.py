"""Draws on their way to the artifact store and back: `draws.arrow` and `stats.arrow`.

Shape letters: `C` chains, `N` draws, `K` draws of a block or of a piece.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from workers.store.artifacts import Artifacts
from workers.store.blocks import Array, Blocks, BlockWriter
from workers.store.lost_table import LostTable
from workers.store.patience import Wait
from workers.store.quantity import Quantity

#: Numbers read at a time: 32 MB.
_AHEAD = 1 << 22


class ArrowSink:
    """Takes a run's draws and statistics to the artifact store, its events to the caller."""

    def __init__(
        self,
        artifacts: Artifacts,
        prefix: str,
        emit: Callable[[str, dict[str, Any]], None],
        wait: Wait | None = None,
    ) -> None:
        """Make a sink.

        Args:
            artifacts: where `draws.arrow` and `stats.arrow` go.
            prefix: the attempt's, `jobs/<id>/<token>`.
            emit: takes each event's kind and payload.
            wait: what is done where a disk is full; None: writing is a StorageFullError.
        """
        self._artifacts = artifacts
        self._prefix = prefix
        self._emit = emit
        self._draws = BlockWriter(artifacts, f"{prefix}/draws.arrow", wait)
        self._stats = BlockWriter(artifacts, f"{prefix}/stats.arrow", wait)

    def emit(self, kind: str, payload: dict[str, Any]) -> None:
        """Pass on an event."""
        self._emit(kind, payload)

    def write(self, draws: Mapping[str, Array], stats: Mapping[str, Array]) -> None:
        """Add a block: draws `C x K x shape` by quantity, statistics `C x K` by name."""
        # Statistics first: a run killed in between has them for every draw that is there.
        if stats:
            self._stats.write(stats)
        if draws:
            self._draws.write(draws)

    @property
    def written(self) -> tuple[int, int]:
        """Draws per chain in the two tables."""
        return self._draws.draws, self._stats.draws

    def sync(self) -> None:
        """See that what was written is there for another attempt, whatever befalls this one."""
        self._stats.sync()
        self._draws.sync()

    def adopt(self, prefix: str, written: tuple[int, int]) -> bool:
        """Begin with draws of another attempt or job: copy the first of its tables' blocks.

        Args:
            prefix: where they lie.
            written: draws per chain to take of either table.

        Returns:
            Whether they are there; if not, nothing is written.
        """
        pairs = [
            (self._stats, LostTable(self._artifacts, f"{prefix}/stats.arrow"), written[1]),
            (self._draws, LostTable(self._artifacts, f"{prefix}/draws.arrow"), written[0]),
        ]
        if not all(table.ends_at(draws) for _, table, draws in pairs):
            return False
        for writer, table, draws in pairs:
            writer.adopt(table.first(draws), draws)
        return True

    def draws(self) -> "ArrowDraws":
        """End the streams and read them back."""
        self.close()
        return ArrowDraws(self._artifacts, self._prefix)

    def close(self) -> None:
        """End the streams; nothing can be written after."""
        self._stats.close()
        self._draws.close()


class ArrowDraws:
    """The draws of an attempt, also of one that is running or was killed."""

    def __init__(self, artifacts: Artifacts, prefix: str) -> None:
        """Open the draws under a prefix; an attempt that wrote none has 0 chains."""
        self.blocks = Blocks(artifacts, f"{prefix}/draws.arrow")
        self._stats = Blocks(artifacts, f"{prefix}/stats.arrow")
        self.chains = self.blocks.chains
        self.draws = self.blocks.draws

    def names(self) -> tuple[str, ...]:
        """Return the parameters, then the deterministics, in the model's order."""
        return tuple(quantity.name for quantity in self.blocks.quantities)

    def quantity(self, name: str) -> Quantity:
        """Return a quantity's name and shape.

        Raises:
            KeyError: there is none of that name.
        """
        found = self.blocks.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        """Return one quantity's shape.

        Raises:
            KeyError: there is none of that name.
        """
        return self.quantity(name).shape

    def values(self, name: str) -> Array:
        """Return one quantity, `C x N x shape` in float64.

        Raises:
            KeyError: there is none of that name.
        """
        return self.blocks.read(self.quantity(name))

    def entries(self, name: str, width: int) -> Iterator[Array]:
        """Return one quantity's entries in order, at most `width` at a time, `width x C x N`.

        Raises:
            KeyError: there is none of that name.
        """
        columns = self.quantity(name).columns()
        # Every reading goes through all blocks, so it takes as much as is cheap to hold.
        ahead = width * max(1, _AHEAD // max(1, width * self.chains * self.draws))
        for first in range(0, len(columns), ahead):
            read = self.blocks.columns(columns[first : first + ahead])
            for start in range(0, len(read), width):
                yield read[start : start + width]

    def entry(self, column: str) -> Array:
        """Return one entry of a quantity, `C x N`, by its column's name: `theta[3]`."""
        return self.blocks.read(Quantity(column, ()))

    def pieces(self, quantity: Quantity, chain: int, numbers: int) -> Iterator[tuple[int, Array]]:
        """Return a quantity of one chain in order, so many numbers at a time.

        Returns:
            Pairs of the first draw and the values, `K x shape`.
        """
        names = quantity.columns()
        first = 0
        for rows in self.blocks.slices(chain, max(1, numbers // max(1, quantity.size))):
            table = np.column_stack([rows.column(name).to_numpy() for name in names])
            yield first, table.reshape(len(table), *quantity.shape)
            first += len(table)

    def statistics(self) -> tuple[str, ...]:
        """Return the names of the sampler's statistics."""
        return tuple(quantity.name for quantity in self._stats.quantities)

    def stats(self, name: str) -> Array | None:
        """Return a sampler statistic, `C x N`, or None where the engine has none."""
        found = self._stats.find(name)
        return None if found is None else self._stats.read(found)[:, : self.draws]
