"""Derivatives by several modes, set beside each other: how a person finds a model's mistake."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from models.derivatives.basis import Basis
from models.derivatives.derivative import Derivative


@dataclass(frozen=True)
class Disagreement:
    """The largest difference of two modes, relative to the number where that is above 1."""

    size: float
    #: What differs: `gradient` or `hessian`, and of which entry.
    what: str
    entry: str
    modes: tuple[str, str]


def largest_disagreement(found: Mapping[str, Derivative], basis: Basis) -> Disagreement | None:
    """Return where modes differ most; None where there are no two numbers to compare.

    A number that one mode has and the other has not is a difference without bound.
    """
    worst: Disagreement | None = None
    for (one, first), (other, second) in itertools.combinations(found.items(), 2):
        for what in ("gradient", "hessian"):
            a, b = getattr(first, what), getattr(second, what)
            if a is None or b is None or not a.numel():
                continue
            size, place = _apart(a, b)
            if worst is None or size > worst.size:
                worst = Disagreement(size, what, _entry(place, a, basis), (one, other))
    return worst


def _apart(a: Tensor, b: Tensor) -> tuple[float, int]:
    """Return the largest relative difference of two tensors, and its place in the flat one."""
    scale = a.abs().maximum(b.abs()).clamp(min=1.0)
    apart = ((a - b).abs() / scale).where(a != b, 0.0)
    # Two that are nan agree; one that is nan, or infinite, does not agree with a number.
    apart = apart.where(~(a.isnan() & b.isnan()), 0.0).nan_to_num(float("inf"), float("inf"))
    place = int(apart.argmax())
    return float(apart.flatten()[place]), place


def _entry(place: int, numbers: Tensor, basis: Basis) -> str:
    if numbers.dim() == 1:
        return basis.name(place)
    row, column = divmod(place, numbers.shape[1])
    return f"{basis.name(row)}, {basis.name(column)}"
