"""Sums of exponentials, taken around the largest so that they do not overflow."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.exponentials import Shares
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.rules.arithmetic import exponential
from models.native.values import Value
from models.native.views import held, ones

RULES = Rules()
_ATEN = torch.ops.aten


@RULES.of(_ATEN.logsumexp.default)
def logsumexp(low: Lowering, node: Node, x: Any, dims: Sequence[int], keep: bool = False) -> Value:
    """Return the logarithm of the sum of exponentials."""
    kind, kept = low.kind(node), held(x.shape, dims)
    top = low.point(_finite, [low.fold("max", x, dims, kept, kind)], kept, kind)
    shares = low.point(_share, [x, top], x.shape, kind)
    total = low.fold("sum", shares, dims, kept, kind)
    result = low.point(lambda s, m: f"(vlog({s}) + {m})", [total, top], kept, kind)
    if isinstance(x, Value):
        parts = low.divide(shares, total, x.shape, kind)
        low.exponentials.summed(Shares(x, result, parts))
    return ones(result, shape_of(node))


def _finite(top: str) -> str:
    """The sum of nothing but -inf, or with +inf, is taken around 0; NaN stays."""
    return ops.choose(f"(vabs({top}) == {ops.constant(float('inf'))})", ops.constant(0), top)


def _share(x: str, top: str) -> str:
    return f"vexp({x} - {top})"


def _shares(low: Lowering, x: Any, dim: int, kind: str) -> tuple[Value, Value, Value]:
    """Return the largest number, exponentials around it, and their sum."""
    kept = held(x.shape, dim)
    top = low.fold("max", x, dim, kept, kind)
    shares = low.point(_share, [x, top], x.shape, kind)
    return top, shares, low.fold("sum", shares, dim, kept, kind)


@RULES.of(_ATEN._log_softmax.default)
def log_softmax(low: Lowering, node: Node, x: Any, dim: int, half_to_float: bool) -> Value:
    """Return `x - logsumexp(x)`."""
    kind = low.kind(node)
    top, shares, total = _shares(low, x, dim, kind)
    log = low.point(ops.call("vlog"), [total], total.shape, kind)
    template: ops.Template = lambda v, m, s: f"({v} - {m} - {s})"  # noqa: E731
    result = low.point(template, [x, top, log], x.shape, kind)
    low.exponentials.note(result, low.divide(shares, total, x.shape, kind))
    return result


@RULES.of(_ATEN._softmax.default)
def softmax(low: Lowering, node: Node, x: Any, dim: int, half_to_float: bool) -> Value:
    """Return exponentials that sum to one."""
    kind = low.kind(node)
    _, shares, total = _shares(low, x, dim, kind)
    return low.divide(shares, total, x.shape, kind)


@RULES.of(_ATEN._log_softmax_backward_data.default)
def log_softmax_backward(low: Lowering, node: Node, g: Any, y: Any, dim: int, _: Any) -> Value:
    """Return `g - exp(y) sum(g)`."""
    kind, shape = low.kind(node), shape_of(node)
    g = low.lane(g, shape)
    total = low.fold("sum", g, dim, held(shape, dim), kind)
    template: ops.Template = lambda a, b, s: f"({a} - {b} * {s})"  # noqa: E731
    return low.point(template, [g, exponential(low, y, kind), total], shape, kind)


@RULES.of(_ATEN._softmax_backward_data.default)
def softmax_backward(low: Lowering, node: Node, g: Any, y: Any, dim: int, _: Any) -> Value:
    """Return `y (g - sum(g y))`."""
    kind, shape = low.kind(node), shape_of(node)
    part = low.times(g, y, shape, kind)
    total = low.fold("sum", part, dim, held(shape, dim), kind)
    template: ops.Template = lambda p, b, s: f"({p} - {b} * {s})"  # noqa: E731
    return low.point(template, [part, y, total], shape, kind)
