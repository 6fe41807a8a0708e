"""One pass over the rows of a block: what they add to value, gradient and Hessian.

No row looks at another's predictors: the sum over the rows of a derivative by one predictor,
differentiated by another, has the second derivatives of all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.cut.anatomy import Block, Predictor, Scale
from models.cut.entries import AbstractEntry
from models.cut.tape import Step, filled

#: Numbers of the matrices of some rows, and the least and the most rows that are worked on
#: together: what they need stays in the processor's caches. A few more are not cut for that.
NUMBERS, FEW, MANY, WHOLE = 2**18, 512, 2**13, 2**19


#: A step with the arguments of some rows.
_Prepared = tuple[Step, Any, Any]


@dataclass
class Sweep:
    """What rows add up to, in float64; `U` numbers enter."""

    #: `sum_b g_b`, a scalar.
    value: Tensor
    #: `sum_k A_k' g_k`: `U`.
    slope: Tensor
    #: `sum_kl A_k' diag(W_kl) A_l`: `U x U`.
    curvature: Tensor


def parts(
    block: Block, starts: Mapping[Step, int], weights: Mapping[Step, float], stride: int = 1
) -> list[Part]:
    """Cut a block into parts that fit a processor's caches.

    Args:
        block: the rows.
        starts: by narrow step: the place of its first number in `u`.
        weights: by sum: its weight in the total.
        stride: leave out all but one row of so many, and let it stand for them.
    """
    size = sum(predictor.size for predictor in block.predictors)
    kept = -(-block.rows // stride)
    most = kept if kept * size <= WHOLE else min(max(NUMBERS // size, FEW), MANY)
    count = -(-kept // -(-kept // most)) * stride
    share = block.rows / kept
    own = {step: share * weight for step, weight in weights.items()}
    return [
        Part(block, slice(first, min(first + count, block.rows), stride), starts, own)
        for first in range(0, block.rows, count)
    ]


class Part:
    """Some rows of a block, with these rows of every constant."""

    def __init__(
        self,
        block: Block,
        rows: slice,
        starts: Mapping[Step, int],
        weights: Mapping[Step, float],
    ) -> None:
        self._block, self._rows, self._starts = block, rows, starts
        self._linear = [self._prepared(step) for step in block.linear]
        self._local = [self._prepared(step) for step in block.local]
        self._sums = [(weights[step], summed) for step, summed in block.sums.items()]
        self._terms = {
            predictor: [(entry, self._here(scale)) for entry, scale in predictor.terms]
            for predictor in block.predictors
        }

    def add(self, into: Sweep, numbers: Mapping[Step, Tensor], order: int) -> None:
        """Add what these rows say, and its derivatives up to an order, 0 to 2.

        Args:
            into: the sums so far.
            numbers: by narrow step: the numbers that enter.
            order: of the derivatives.
        """
        with torch.no_grad():
            values: dict[Step, Any] = {
                step: entry.value(numbers[entry.head], self._rows)
                for step, entry in self._block.entries.items()
            }
            _play(self._linear, values)
        with torch.set_grad_enabled(order > 0):
            leaves = [values[p.step].detach() for p in self._block.predictors]
            for predictor, leaf in zip(self._block.predictors, leaves, strict=True):
                values[predictor.step] = leaf.requires_grad_(order > 0)
            _play(self._local, values)
            sums = [weight * values[step].sum(dtype=torch.float64) for weight, step in self._sums]
            total = sums[0] if len(sums) == 1 else torch.stack(sums).sum()
            into.value += total.detach()
            if order == 0:
                return
            slopes = _gradients(total, leaves, again=order > 1)
        for predictor, slope in zip(self._block.predictors, slopes, strict=True):
            for entry, scale in self._terms[predictor]:
                weights = _times(slope.detach(), scale)
                into.slope[self._place(entry)] += entry.back(weights, self._rows)
        if order > 1:
            self._add_curvature(into, leaves, slopes)

    def _add_curvature(self, into: Sweep, leaves: list[Tensor], slopes: list[Tensor]) -> None:
        predictors = self._block.predictors
        for k, slope in enumerate(slopes):
            with torch.enable_grad():
                seconds = _gradients(slope.sum(), leaves[k:], again=True)
            for other, second in zip(predictors[k:], seconds, strict=True):
                self._add_products(into, predictors[k], other, second.detach())

    def _add_products(self, into: Sweep, one: Predictor, other: Predictor, second: Tensor) -> None:
        """Add `A' diag(second) B` of two predictors, and its transpose where they are not one."""
        same = one is other
        for k, (left, scale) in enumerate(self._terms[one]):
            weights, rows = _times(second, scale), self._place(left)
            for n, (right, factor) in enumerate(self._terms[other][k if same else 0 :]):
                columns = self._place(right)
                product = left.across(right, _times(weights, factor), self._rows)
                into.curvature[rows, columns] += product
                if not same or n > 0:
                    into.curvature[columns, rows] += product.T

    def _place(self, entry: AbstractEntry) -> slice:
        first = self._starts[entry.head]
        return slice(first, first + entry.size)

    def _prepared(self, step: Step) -> _Prepared:
        return step, self._here(step.args), self._here(step.kwargs)

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


def _play(steps: Sequence[_Prepared], values: dict[Step, Any]) -> None:
    for step, args, kwargs in steps:
        assert step.op is not None
        values[step] = step.op(*filled(args, values), **filled(kwargs, values))


def _times(weights: Tensor, scale: Scale) -> Tensor:
    return weights if scale is None else (weights * scale).to(weights.dtype)
