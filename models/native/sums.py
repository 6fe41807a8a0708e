"""Reductions over a loop: in registers while it runs, where they are few enough.

In a loop over one dimension all results of a reduction over it are held at once. In a nest of
loops a result is held while the loops that it spans run, where the dimensions that it keeps are the
outer ones. Any other reduction goes through memory.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from models.native.frames import frame_of, turns_of
from models.native.statements import Fold, Statement, Store
from models.native.texts import Scope, Texts, affine, filled, scope_of, vector

_COMBINE = {
    "sum": "{0} + {1}",
    "prod": "{0} * {1}",
    "max": "vmax({0}, {1})",
    "min": "vmin({0}, {1})",
    "logaddexp": "vlogaddexp({0}, {1})",
}


def combined(operation: str, total: str, value: str) -> str:
    """Return the text of a total with one more value."""
    return _COMBINE[operation].format(total, value)


def depth_of(statement: Statement) -> int | None:
    """Return how many of a loop's dimensions a held reduction keeps; None for anything else."""
    if not isinstance(statement, Fold) or turns_of([statement]) or 0 in statement.domain:
        return None
    frame = frame_of(statement.domain)
    if len(frame.sizes) == 1:
        return 0
    kept = [bool(statement.strides[d]) for d in frame.outer]
    if any(later and not earlier for earlier, later in pairwise(kept)):
        return None
    return sum(kept)


def filled_before(makers: Sequence[Statement]) -> bool:
    """Return whether a producer's memory must hold its initial value before its loops."""
    whole = not isinstance(makers[0], Store) and turns_of(makers) is not None
    return not whole and any(depth_of(maker) is None for maker in makers)


class Sums:
    """The held reductions of a loop.

    Args:
        statements: of the loop.
        texts: where numbers are.
        deepest: the most of the loop's dimensions that a held reduction may keep.
    """

    def __init__(self, statements: Sequence[Statement], texts: Texts, deepest: int) -> None:
        self._texts = texts
        found = {s: depth_of(s) for s in statements if isinstance(s, Fold)}
        self._depths = {s: d for s, d in found.items() if d is not None and d <= deepest}

    def held(self, fold: Fold) -> bool:
        """Return whether a reduction is held."""
        return fold in self._depths

    def begin(self, depth: int) -> Iterator[str]:
        """Declare what is held from a depth of the nest on."""
        for fold in self._at(depth):
            name, count = f"sum_{fold.out.name}", self._count(fold)
            if count > 1:
                yield f"{vector(fold.out)} {name}[{count}];"
                yield f"for (auto& each : {name}) each = {filled(fold.out)};"
            else:
                yield f"{vector(fold.out)} {name} = {filled(fold.out)};"

    def end(self, depth: int) -> Iterator[str]:
        """Store it."""
        for fold in self._at(depth):
            name = f"sum_{fold.out.name}"
            if self._count(fold) > 1:
                line = f"{self._texts.at(fold.out, 'n')} = {name}[n];"
                yield f"for (int64_t n = 0; n < {fold.out.size}; ++n) {line}"
            else:
                address = affine(fold.strides, scope_of(fold).names)
                yield f"{self._texts.at(fold.out, address)} = {name};"

    def text(self, fold: Fold, scope: Scope) -> str:
        """Return the text of the total that a place goes to."""
        index = affine(fold.strides, scope.names)
        return f"sum_{fold.out.name}" + (f"[{index}]" if self._count(fold) > 1 else "")

    def _count(self, fold: Fold) -> int:
        return fold.out.size if len(frame_of(fold.domain).sizes) == 1 else 1

    def _at(self, depth: int) -> list[Fold]:
        return [fold for fold, d in self._depths.items() if d == depth]
