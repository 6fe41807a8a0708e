"""Kinds of operations: what a step of a tape does with the numbers that it takes."""

import operator
from typing import Any

import torch

from models.cut.tape import Step

ATEN = torch.ops.aten
#: Keep every number where it is, if the shape stays.
SAME = {
    ATEN.view.default,
    ATEN._unsafe_view.default,
    ATEN.expand.default,
    ATEN.alias.default,
    ATEN.squeeze.dim,
    ATEN.squeeze.default,
    ATEN._to_copy.default,
    ATEN.lift_fresh.default,
}
#: Take numbers and lay them out anew.
LAYOUT = SAME | {
    operator.getitem,
    ATEN.split_with_sizes.default,
    ATEN.split.Tensor,
    ATEN.select.int,
    ATEN.slice.Tensor,
    ATEN.unsqueeze.default,
    ATEN.permute.default,
    ATEN.t.default,
    ATEN.transpose.int,
    ATEN.clone.default,
}
#: Linear in all their steps together.
SUMS = {
    ATEN.add.Tensor,
    ATEN.sub.Tensor,
    ATEN.neg.default,
    ATEN.stack.default,
    ATEN.cat.default,
    ATEN.sum.default,
    ATEN.sum.dim_IntList,
}
SCALINGS = {ATEN.mul.Tensor, ATEN.div.Tensor}


def is_vector(argument: Any) -> bool:
    """Whether an argument is a step of one dimension."""
    return isinstance(argument, Step) and len(argument.shape) == 1


def is_pointwise(step: Step) -> bool:
    """Whether a step works on each number by itself."""
    return torch.Tag.pointwise in getattr(step.op, "tags", ())


def is_layout(step: Step, point: Step) -> bool:
    """Whether a narrow step's numbers are some of the point's."""
    if step is point:
        return True
    return step.op in LAYOUT and all(is_layout(source, point) for source in step.sources)
