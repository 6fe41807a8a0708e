"""What a step is made of that is linear in its sources."""

import torch
from torch import Tensor

from models.cut.anatomy import Term
from models.cut.tape import Step

_ATEN = torch.ops.aten


def linear(step: Step, terms: dict[Step, tuple[Term, ...]]) -> tuple[Term, ...] | None:
    """Return what a step is made of, or None where it is not linear in its sources."""
    args, op = step.args, step.op
    if op in (_ATEN.add.Tensor, _ATEN.sub.Tensor):
        sign = -1.0 if op is _ATEN.sub.Tensor else 1.0
        factors = (1.0, sign * float(step.kwargs.get("alpha", 1)))
        pairs = zip(args, factors, strict=True)
        parts = [_times(terms[a], factor) for a, factor in pairs if isinstance(a, Step)]
        return tuple(term for part in parts for term in part)
    if op is _ATEN.neg.default:
        return _times(terms[args[0]], -1.0)
    if op is _ATEN.mul.Tensor and not isinstance(args[1], Step):
        return _times(terms[args[0]], args[1])
    if op is _ATEN.div.Tensor and isinstance(args[1], Tensor):
        return _times(terms[args[0]], 1.0 / args[1])
    if op is _ATEN.mul.Tensor and not isinstance(args[0], Step):
        return _times(terms[args[1]], args[0])
    return None


def _times(terms: tuple[Term, ...], factor: Tensor | float) -> tuple[Term, ...]:
    if not isinstance(factor, Tensor) and factor == 1.0:
        return terms
    return tuple((entry, factor if scale is None else scale * factor) for entry, scale in terms)
