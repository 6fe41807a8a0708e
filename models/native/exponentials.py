"""Exponentials that were computed on the way to something else, so as not to compute them again.

The derivative of `s = log(sum(exp(x)))` asks for `exp(x - s)`, and that of `y = x - s` for
`exp(y)`: what each summand had of the sum. Where the sum is infinite both ways give NaN, but
perhaps not at the same places.
"""

from dataclasses import dataclass

from models.native.values import Producer, Value
from models.native.views import aligned, is_whole


@dataclass(frozen=True)
class Shares:
    """What is known beside `s`."""

    x: Value
    #: `s`, with the dimensions of `x`.
    total: Value
    #: `exp(x - s)`, in the shape of `x`.
    shares: Value


class Exponentials:
    """Remembers them."""

    def __init__(self) -> None:
        self._known: dict[Producer, Value] = {}
        self._sums: dict[Producer, Shares] = {}

    def summed(self, shares: Shares) -> None:
        """Note a logarithm of a sum."""
        self._sums[shares.total.producer] = shares

    def subtracted(self, a: object, b: object, result: Value) -> None:
        """Note a difference, which may be one whose exponential is known."""
        sums = self._sums.get(b.producer) if isinstance(b, Value) else None
        if sums is not None and isinstance(b, Value) and a == sums.x and _same(b, sums):
            self.note(result, sums.shares)

    def note(self, x: Value, exponential: Value) -> None:
        """Note what `exp(x)` is."""
        if is_whole(x) and is_whole(exponential):
            self._known[x.producer] = exponential

    def of(self, x: object, kind: str) -> Value | None:
        """Return `exp(x)`, if it is known in a type."""
        known = self._known.get(x.producer) if isinstance(x, Value) else None
        if known is None or known.kind != kind or not isinstance(x, Value):
            return None
        return Value(known.producer, x.shape, x.strides, x.offset)


def _same(b: Value, sums: Shares) -> bool:
    """Return whether `b` shows the sum along its own dimensions."""
    shape = sums.x.shape
    if len(b.shape) > len(shape) or b.offset != sums.total.offset:
        return False
    steps = aligned(sums.total.strides, sums.total.shape, shape)
    return aligned(b.strides, b.shape, shape) == steps
