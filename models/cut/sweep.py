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

from models.cut.anatomy import Block, Predictor, Scale
from models.cut.entries import AbstractEntry
from models.cut.tape import Step, filled

#: Numbers of the matrices of some rows, and the least and the most rows that are worked on
#: together: what they need stays in the processor's caches.
NUMBERS, FEW, MANY = 2**18, 512, 8192


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
            weights = self._times(slope, scale)
            into.slope[self._place(entry)] += entry.back(weights, self._rows)

    def _add_curvature(self, into: Sweep, leaves: list[Tensor], slopes: list[Tensor]) -> None:
        predictors = self._block.predictors
        for k, slope in enumerate(slopes):
            seconds = _gradients(slope.sum(), leaves[k:], again=True)
            for n, second in enumerate(seconds, k):
                self._add_products(into, predictors[k], predictors[n], second.detach())

    def _add_products(self, into: Sweep, one: Predictor, other: Predictor, second: Tensor) -> None:
        """Add `A' diag(second) B` of two predictors, and its transpose where they are not one."""
        same = one is other
        for k, (left, scale) in enumerate(one.terms):
            weights = self._times(second, scale)
            rows = self._place(left)
            for n, (right, factor) in enumerate(other.terms[k:] if same else other.terms):
                columns = self._place(right)
                product = left.across(right, self._times(weights, factor), self._rows)
                into.curvature[rows, columns] += product
                if not same or n > 0:
                    into.curvature[columns, rows] += product.T

    def _times(self, weights: Tensor, scale: Scale) -> Tensor:
        return weights if scale is None else (weights * self._here(scale)).to(weights.dtype)

    def _place(self, entry: AbstractEntry) -> slice:
        first = self._starts[entry.head]
        return slice(first, first + entry.size)

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
