"""Which plate each dimension of a site's value runs over: names for the axes of a result.

A sampled or observed site shows its plates itself. A deterministic site outside of any plate takes
a plate from what it is computed from, or from what is computed from it: an axis runs over a plate
when entry `i` along it depends only on entry `i` of a site in that plate, or only entry `i` of
such a site's log density depends on it. `mu + tau * eta` runs over the plate of `eta`;
`softmax(eta)` does not.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from models.context import Context
from models.trace import AbstractCoordinates, Reading, Unknown

#: A plate's name by dimension from the left; None where no plate runs.
Dims = tuple[str | None, ...]


class Generic(AbstractCoordinates):
    """A point at which no derivative vanishes by chance, as leaves of an autograd graph."""

    def __init__(self, context: Context) -> None:
        self._dtype, self._device = context.dtype, context.device
        self._met = 0

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return values in [-0.5, 0.5], no two alike, that require a gradient; counts of 0."""
        if unknown.discrete:
            zeros = torch.zeros(unknown.shape, dtype=self._dtype, device=self._device)
            return zeros.requires_grad_()
        count = unknown.unconstrained.numel()
        steps = torch.arange(self._met + 1, self._met + count + 1, dtype=self._dtype)
        self._met += count
        values = (0.5 * steps.sin()).reshape(unknown.unconstrained)
        return values.to(self._device).requires_grad_()


def dimensions(reading: Reading) -> dict[str, Dims]:
    """Return the plates of every unknown, deterministic and observed site.

    Args:
        reading: of a run at a `Generic` point, discrete latents not enumerated.
    """
    bare: dict[str, Dims] = {u.name: (None,) * len(u.shape) for u in reading.unknowns}
    known = bare | reading.dims
    for name, value in reading.deterministics.items():
        if value.requires_grad:
            known[name] = _completed(known[name], value, reading, known)
    return known


def _completed(dims: Dims, value: Tensor, reading: Reading, known: Mapping[str, Dims]) -> Dims:
    """Name the axes of a deterministic site that no plate around it names."""
    found = list(dims)
    for axis, name in enumerate(dims):
        if name is None and value.shape[axis] > 1:
            names = {*_above(value, axis, reading, known), *_below(value, axis, reading)}
            # Two plates of one size that are tied together: neither is the axis's own name.
            if len(names) == 1 and not names & set(found):
                found[axis] = names.pop()
    return tuple(found)


def _above(value: Tensor, axis: int, reading: Reading, known: Mapping[str, Dims]) -> Iterator[str]:
    """The plates of the unknowns that the axis follows entry by entry."""
    for unknown, source in reading.values.items():
        for place, plate in enumerate(known[unknown]):
            if plate is not None and _entrywise(value, axis, source, place):
                yield plate


def _below(value: Tensor, axis: int, reading: Reading) -> Iterator[str]:
    """The plates of the log densities that follow the axis entry by entry."""
    for factor in (*reading.priors, *reading.likelihoods):
        rank = factor.value.dim()
        # A batch dimension without a plate goes by its number.
        named = [plate for plate in factor.plates if plate[0].isidentifier() and -plate[1] <= rank]
        for plate, dim in named:
            if _entrywise(factor.value, rank + dim, value, axis):
                yield plate


def _entrywise(result: Tensor, axis: int, source: Tensor, place: int) -> bool:
    """Whether the first and the last entry of a result depend on just these of the source."""
    size = result.shape[axis]
    if source.shape[place] != size or not (result.requires_grad and source.requires_grad):
        return False
    for index in (0, size - 1):
        entry = result.select(axis, index).sum()
        slopes: Sequence[Tensor | None] = torch.autograd.grad(
            entry, source, retain_graph=True, allow_unused=True
        )
        slope = slopes[0]
        if slope is None:
            return False
        own = slope.select(place, index)
        # NaN is not zero: what cannot be told is not entry by entry.
        if not bool(own.any()) or int(slope.count_nonzero()) != int(own.count_nonzero()):
            return False
    return True
