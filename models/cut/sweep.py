"""One pass over the rows of a block: what they add to value, gradient and Hessian.

No row looks at another's predictors: the sum over the rows of a derivative by one predictor,
differentiated by another, has the second derivatives of all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.cut.anatomy import Block, Predictor, Term
from models.cut.tape import Step, filled

#: Numbers of the matrices of some rows, and the least and the most rows that are worked on
#: together: what they need stays in the processor's caches.
NUMBERS, FEW, MANY = 2**19, 512, 8192


@dataclass
class Sweep:
    """What rows add up to, in float64; `U` numbers enter."""

    #: `sum_b g_b`, a scalar.
    value: Tensor
    #: `sum_k A_k' g_k`: `U`.
    slope: Tensor
    #: `sum_kl A_k' diag(W_kl) A_l`: `U x U`.
    curvature: Tensor


def sweep(
    into: Sweep,
    block: Block,
    numbers: Mapping[Step, Tensor],
    starts: Mapping[Step, int],
    weights: Mapping[Step, float],
    order: int,
) -> None:
    """Add what the rows of a block say.

    Args:
        into: the sums so far.
        block: the rows.
        numbers: by narrow step: the numbers that enter.
        starts: by narrow step: the place of its first number in `u`.
        weights: by sum: its weight in the total.
        order: of the derivatives wanted, 0 to 2.
    """
    size = sum(predictor.size for predictor in block.predictors)
    count = min(max(NUMBERS // size, FEW), MANY)
    for first in range(0, block.rows, count):
        _Part(block, slice(first, first + count), numbers, starts, weights).add(into, order)


class _Part:
    """Some rows of a block."""

    def __init__(
        self,
        block: Block,
        rows: slice,
        numbers: Mapping[Step, Tensor],
        starts: Mapping[Step, int],
        weights: Mapping[Step, float],
    ) -> None:
        self._block, self._rows, self._starts, self._weights = block, rows, starts, weights
        with torch.no_grad():
            values: dict[Step, Any] = {
                step: entry.value(numbers[entry.head], rows)
                for step, entry in block.entries.items()
            }
            self._play(block.linear, values)
        self._at = {p.step: values[p.step] for p in block.predictors}

    def add(self, into: Sweep, order: int) -> None:
        """Add derivatives up to an order."""
        with torch.set_grad_enabled(order > 0):
            at = {step: value.detach().requires_grad_(order > 0) for step, value in self._at.items()}
            leaves = list(at.values())
            values: dict[Step, Any] = dict(at)
            self._play(self._block.local, values)
            total = torch.stack(
                [
                    weight * values[self._block.sums[step]].sum(dtype=torch.float64)
                    for step, weight in self._weights.items()
                    if step in self._block.sums
                ]
            ).sum()
            into.value += total.detach()
            if order == 0:
                return
            slopes = _gradients(total, leaves, again=order > 1)
        for predictor, slope in zip(self._block.predictors, slopes, strict=True):
            self._add_slope(into, predictor, slope.detach())
        if order > 1:
            self._add_curvature(into, leaves, slopes)

    def _add_slope(self, into: Sweep, predictor: Predictor, slope: Tensor) -> None:
        for entry, scale in predictor.terms:
            weights = slope if scale is None else slope * self._here(scale)
            first = self._starts[entry.head]
            into.slope[first : first + entry.size] += entry.back(weights, self._rows)

    def _add_curvature(self, into: Sweep, leaves: list[Tensor], slopes: list[Tensor]) -> None:
        predictors = self._block.predictors
        matrices = [self._matrix(p, leaf) for p, leaf in zip(predictors, leaves, strict=True)]
        places = [self._places(p, leaves[0].device) for p in predictors]
        for k, slope in enumerate(slopes):
            seconds = _gradients(slope.sum(), leaves[k:], again=True)
            for n, second in enumerate(seconds, k):
                weighted = second.detach()[:, None] * matrices[n]
                product = (matrices[k].T @ weighted).to(torch.float64)
                _add_at(into.curvature, places[k], places[n], product)
                if n > k:
                    _add_at(into.curvature, places[n], places[k], product.T)

    def _matrix(self, predictor: Predictor, like: Tensor) -> Tensor:
        """Return the rows of a predictor's matrix, a column for each number that enters."""
        columns = [self._columns(term, like.detach()) for term in predictor.terms]
        return columns[0] if len(columns) == 1 else torch.cat(columns, 1)

    def _columns(self, term: Term, like: Tensor) -> Tensor:
        entry, scale = term
        matrix = entry.matrix(self._rows, like)
        if scale is None:
            return matrix
        factor = self._here(scale)
        return matrix * (factor[:, None] if isinstance(factor, Tensor) and factor.dim() else factor)

    def _places(self, predictor: Predictor, device: torch.device) -> Tensor:
        ranges = [
            torch.arange(self._starts[entry.head], self._starts[entry.head] + entry.size)
            for entry, _ in predictor.terms
        ]
        return torch.cat(ranges).to(device)

    def _play(self, steps: tuple[Step, ...], values: dict[Step, Any]) -> None:
        for step in steps:
            assert step.op is not None
            args, kwargs = self._here(step.args), self._here(step.kwargs)
            values[step] = step.op(*filled(args, values), **filled(kwargs, values))

    def _here(self, arguments: Any) -> Any:
        """Return nested arguments with these rows of every constant."""
        if isinstance(arguments, Tensor):
            return arguments[self._rows] if arguments.shape == (self._block.rows,) else arguments
        if isinstance(arguments, list | tuple):
            return type(arguments)([self._here(argument) for argument in arguments])
        if isinstance(arguments, dict):
            return {name: self._here(argument) for name, argument in arguments.items()}
        return arguments


def _gradients(of: Tensor, by: list[Tensor], again: bool) -> list[Tensor]:
    """Return derivatives, zeros by what has no part in it."""
    if not of.requires_grad:
        return [torch.zeros_like(leaf) for leaf in by]
    found = torch.autograd.grad(of, by, retain_graph=again, create_graph=again, allow_unused=True)
    pairs = zip(found, by, strict=True)
    return [torch.zeros_like(leaf) if slope is None else slope for slope, leaf in pairs]


def _add_at(matrix: Tensor, rows: Tensor, columns: Tensor, values: Tensor) -> None:
    matrix.index_put_((rows[:, None], columns), values, accumulate=True)
