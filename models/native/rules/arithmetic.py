"""Elementwise operations on real numbers."""

import math
from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import Value

RULES = Rules()
_ATEN = torch.ops.aten

_SAME_NAME = (
    "log log1p expm1 log2 log10 sqrt sin cos tan tanh sinh cosh asin acos atan erf erfc erfinv "
    "lgamma digamma sigmoid abs floor ceil trunc round sign"
)
_TEMPLATES: dict[Any, ops.Template] = {
    **{getattr(_ATEN, name).default: ops.call(f"v{name}") for name in _SAME_NAME.split()},
    _ATEN.sgn.default: ops.call("vsign"),
    _ATEN.special_erfcx.default: ops.call("verfcx"),
    _ATEN.special_i0e.default: ops.call("vi0e"),
    _ATEN.special_i1e.default: ops.call("vi1e"),
    _ATEN.neg.default: lambda x: f"(-{x})",
    _ATEN.reciprocal.default: ops.reciprocal,
    _ATEN.rsqrt.default: ops.power(-0.5),
    _ATEN.square.default: ops.power(2.0),
    _ATEN.relu.default: lambda x: f"vmax({x}, {ops.constant(0)})",
    _ATEN.special_ndtr.default: lambda x: (
        f"({ops.constant(0.5)} * verfc(-{x} * {ops.constant(math.sqrt(0.5))}))"
    ),
    _ATEN.mul.Tensor: ops.product,
    _ATEN.mul.Scalar: ops.product,
    _ATEN.pow.Tensor_Tensor: ops.call("vpow"),
    _ATEN.atan2.default: ops.call("vatan2"),
    _ATEN.maximum.default: ops.call("vmax"),
    _ATEN.minimum.default: ops.call("vmin"),
    _ATEN.logaddexp.default: ops.call("vlogaddexp"),
    _ATEN.xlogy.Tensor: ops.call("vxlogy"),
    _ATEN.fmod.Tensor: ops.call("vfmod"),
    _ATEN.sigmoid_backward.default: lambda g, y: f"({g} * ({ops.constant(1)} - {y}) * {y})",
    _ATEN.tanh_backward.default: lambda g, y: f"({g} * ({ops.constant(1)} - {y} * {y}))",
}


@RULES.of(*_TEMPLATES)
def elementwise(low: Lowering, node: Node, *operands: Any) -> Value:
    """Apply an operation whose operands and result have one type."""
    target: Any = node.target
    if target is _ATEN.mul.Tensor and low.kind(node) == "bool":
        return low.point(ops.infix("&"), operands, shape_of(node), "bool", wants="mask")
    return low.point(_TEMPLATES[target], operands, shape_of(node), low.real(node))


@RULES.of(_ATEN.div.Tensor, _ATEN.div.Scalar)
def divide(low: Lowering, node: Node, a: Any, b: Any) -> Value:
    """Divide; roundings have operations of their own, which are not lowered."""
    return low.divide(a, b, shape_of(node), low.real(node))


@RULES.of(_ATEN.add.Tensor, _ATEN.add.Scalar)
def add(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    """Return `a + alpha b`."""
    texts: dict[float, ops.Template] = {1: ops.infix("+"), -1: ops.infix("-")}
    template = texts.get(alpha, lambda x, y: f"({x} + {ops.constant(alpha)} * {y})")
    return low.point(template, [a, b], shape_of(node), low.real(node))


@RULES.of(_ATEN.exp.default)
def exp(low: Lowering, node: Node, x: Any) -> Value:
    """Return the exponential."""
    return exponential(low, x, low.real(node))


def exponential(low: Lowering, x: Any, kind: str) -> Value:
    """Return `exp(x)`, which may have been computed before."""
    known = low.exponentials.of(x, kind)
    return known if known is not None else low.point(ops.call("vexp"), [x], x.shape, kind)


@RULES.of(_ATEN.sub.Tensor, _ATEN.sub.Scalar)
def subtract(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    """Return `a - alpha b`."""
    result = add(low, node, a, b, -alpha)
    if alpha == 1:
        low.exponentials.subtracted(a, b, result)
    return result


@RULES.of(_ATEN.rsub.Scalar, _ATEN.rsub.Tensor)
def subtract_from(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    """Return `b - alpha a`."""
    return add(low, node, b, a, -alpha)


@RULES.of(_ATEN.pow.Tensor_Scalar)
def power(low: Lowering, node: Node, x: Any, exponent: float) -> Value:
    """Return `x ** exponent`."""
    return low.point(ops.power(float(exponent)), [x], shape_of(node), low.real(node))


@RULES.of(_ATEN.pow.Scalar)
def power_of_number(low: Lowering, node: Node, base: float, x: Any) -> Value:
    """Return `base ** x`."""
    return low.point(ops.call("vpow"), [base, x], shape_of(node), low.real(node))


@RULES.of(_ATEN.clamp.default, _ATEN.clamp.Tensor)
def clamp(low: Lowering, node: Node, x: Any, least: Any = None, most: Any = None) -> Value:
    """Return `min(max(x, least), most)`; NaN stays."""
    for name, bound in (("vmax", least), ("vmin", most)):
        if bound is not None:
            x = low.point(ops.call(name), [x, bound], shape_of(node), low.real(node))
    return x


@RULES.of(_ATEN.clamp_min.default, _ATEN.clamp_min.Tensor)
def clamp_min(low: Lowering, node: Node, x: Any, least: Any) -> Value:
    """Return `max(x, least)`."""
    return clamp(low, node, x, least)


@RULES.of(_ATEN.clamp_max.default, _ATEN.clamp_max.Tensor)
def clamp_max(low: Lowering, node: Node, x: Any, most: Any) -> Value:
    """Return `min(x, most)`."""
    return clamp(low, node, x, None, most)


@RULES.of(_ATEN.logit.default)
def logit(low: Lowering, node: Node, x: Any, eps: float | None = None) -> Value:
    """Return `log(x / (1 - x))`, with `x` kept `eps` away from 0 and 1."""
    if eps is not None:
        x = clamp(low, node, x, eps, 1 - eps)
    template: ops.Template = lambda v: f"vlog({v} / ({ops.constant(1)} - {v}))"  # noqa: E731
    return low.point(template, [x], shape_of(node), low.real(node))
