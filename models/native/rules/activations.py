"""Soft steps, and their derivatives where torch has names for them."""

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import Value

RULES = Rules()
_ATEN = torch.ops.aten


@RULES.of(_ATEN.softplus.default)
def softplus(low: Lowering, node: Node, x: Any, beta: float = 1, threshold: float = 20) -> Value:
    """Return `log(1 + exp(beta x)) / beta`, and `x` where `beta x` is over the threshold."""
    scaled = _scaled(beta)

    def template(v: str) -> str:
        soft = f"vsoftplus({scaled(v)})"
        soft = soft if beta == 1 else f"{soft} / {ops.constant(beta)}"
        return ops.choose(f"({scaled(v)} > {ops.constant(threshold)})", v, f"({soft})")

    return low.point(template, [x], shape_of(node), low.real(node))


@RULES.of(_ATEN.softplus_backward.default)
def softplus_backward(
    low: Lowering, node: Node, g: Any, x: Any, beta: float, threshold: float
) -> Value:
    """Return `g sigmoid(beta x)`, and `g` over the threshold."""
    scaled = _scaled(beta)

    def template(slope: str, v: str) -> str:
        over = f"({scaled(v)} > {ops.constant(threshold)})"
        return ops.choose(over, slope, f"({slope} * vsigmoid({scaled(v)}))")

    return low.point(template, [g, x], shape_of(node), low.real(node))


@RULES.of(_ATEN.threshold_backward.default)
def threshold_backward(low: Lowering, node: Node, g: Any, x: Any, threshold: float) -> Value:
    """Return `g`, and 0 where `x` is not over the threshold."""
    bound = ops.constant(threshold)
    template: ops.Template = lambda slope, v: ops.choose(  # noqa: E731
        f"({v} <= {bound})", ops.constant(0), slope
    )
    return low.point(template, [g, x], shape_of(node), low.real(node))


def _scaled(beta: float) -> Callable[[str], str]:
    return lambda v: v if beta == 1 else f"({v} * {ops.constant(beta)})"


@RULES.of(_ATEN.log_sigmoid_forward.default)
def log_sigmoid(low: Lowering, node: Node, x: Any) -> list[Value]:
    """Return `log sigmoid(x)`; the second result is a buffer that its derivative ignores."""
    kind = low.kind_of(node.meta["val"][0].dtype)
    return [low.point(ops.call("vlogsigmoid"), [x], x.shape, kind)] * 2


@RULES.of(_ATEN.log_sigmoid_backward.default)
def log_sigmoid_backward(low: Lowering, node: Node, g: Any, x: Any, _: Any) -> Value:
    """Return `g sigmoid(-x)`."""
    template: ops.Template = lambda slope, v: f"({slope} * vsigmoid(-{v}))"  # noqa: E731
    return low.point(template, [g, x], shape_of(node), low.real(node))
