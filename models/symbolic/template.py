"""A tensor as a formula: what its entry at given indices is.

Indices are counted from the last dimension, as broadcasting aligns shapes: `axis(0)` is the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp


@lru_cache
def axis(place: int) -> sp.Symbol:
    """Return the index of a dimension, counted from the last, in a template."""
    return sp.Symbol(f"r_{place}", integer=True, nonnegative=True)


@dataclass(frozen=True)
class Template:
    """The entries of a tensor; an index of a dimension of size 1 does not occur."""

    expr: sp.Basic
    shape: tuple[int, ...]

    def size(self, place: int) -> int:
        """Return the size of a dimension, counted from the last."""
        return self.shape[-1 - place]

    def at(self, indices: Mapping[int, sp.Basic], shape: tuple[int, ...]) -> "Template":
        """Return a tensor of another shape whose entries stand elsewhere in this one.

        Args:
            indices: by dimension of this one, counted from the last, its index in terms of the
                new one's; a dimension of size 1 needs none.
            shape: of the new one.
        """
        places = {axis(place): index for place, index in indices.items()}
        return Template(self.expr.subs(places, simultaneous=True), shape)


@dataclass(frozen=True)
class Stack(Template):
    """Scalars side by side: their sum is written without an index."""

    parts: tuple[sp.Basic, ...] = ()
