"""Running sums and products."""

from typing import Any

import torch
from torch.fx import Node

from models.native.lowering import Lowering
from models.native.rule import Rules
from models.native.statements import Scan
from models.native.values import UnsupportedError, Value, whole
from models.native.views import domain_of, over, restride, without

RULES = Rules()
_ATEN = torch.ops.aten


@RULES.of(_ATEN.cumsum.default)
def cumsum(low: Lowering, node: Node, x: Any, dim: int, *, dtype: Any = None) -> Value:
    """Sum what came so far."""
    return _scan(low, node, "sum", x, dim)


@RULES.of(_ATEN.cumprod.default)
def cumprod(low: Lowering, node: Node, x: Any, dim: int, *, dtype: Any = None) -> Value:
    """Multiply what came so far."""
    return _scan(low, node, "prod", x, dim)


@RULES.of(_ATEN.logcumsumexp.default)
def logcumsumexp(low: Lowering, node: Node, x: Any, dim: int) -> Value:
    """Sum the exponentials of what came so far."""
    return _scan(low, node, "logaddexp", x, dim)


def _scan(low: Lowering, node: Node, operation: str, x: Value, dim: int) -> Value:
    kind = low.kind(node)
    if kind in ("bool", "bfloat"):
        raise UnsupportedError(f"a running {operation} of {kind}")
    if not x.shape:
        return low.point(lambda v: v, [x], (), kind)
    dim %= len(x.shape)
    out = low.fresh(x.shape, kind)
    target = whole(out)
    rest = without(x.shape, dim)
    read = low.access(restride(x, rest, without(x.strides, dim)), rest)
    steps = over(without(target.strides, dim), rest)
    length, step, target_step = x.shape[dim], x.strides[dim], target.strides[dim]
    low.statements.append(
        Scan(out, domain_of(rest), [read], operation, length, step, target_step, steps)
    )
    return target
