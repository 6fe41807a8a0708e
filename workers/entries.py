"""The entries of all quantities of a run, in groups small enough to compute with."""

from collections.abc import Iterator

import numpy as np

from workers.engines.engine import Draws
from workers.sink import Array

#: Numbers of a group at the most. What is computed from them takes about twelve times their 16 MB.
MOST = 1 << 21


def groups(draws: Draws) -> Iterator[Array]:
    """Return the entries of all quantities in the model's order, `M x C x N` at a time.

    A group is contiguous: statistics go over its draws several times.
    A group has one entry at the least. Small quantities share one, since a group of one entry costs
    nearly as much as one of ten. A run without entries has one group, of none.
    """
    width = max(1, MOST // (draws.chains * draws.draws))
    held: list[Array] = []
    count = 0
    for name in draws.names():
        for entries in draws.entries(name, width):
            if held and count + len(entries) > width:
                yield _joined(held)
                held, count = [], 0
            held.append(entries)
            count += len(entries)
    yield _joined(held) if held else np.empty((0, draws.chains, draws.draws))


def _joined(held: list[Array]) -> Array:
    # Entries of one quantity may be strided, and NumPy joins strided arrays to a strided one.
    if len(held) == 1:
        return np.ascontiguousarray(held[0])
    shape = (sum(len(entries) for entries in held), *held[0].shape[1:])
    return np.concatenate(held, out=np.empty(shape))
