"""Comparisons, logic on their results, and choices by them."""

from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import UnsupportedError, Value

RULES = Rules()
_ATEN = torch.ops.aten

_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_COMPARISONS: dict[Any, ops.Template] = {
    getattr(getattr(_ATEN, name), overload): ops.infix(sign)
    for name, sign in _SIGNS.items()
    for overload in ("Tensor", "Scalar")
}
_COMPARISONS[_ATEN.isnan.default] = lambda x: f"({x} != {x})"
_COMPARISONS[_ATEN.isinf.default] = lambda x: f"(vabs({x}) == {ops.constant(float('inf'))})"
_LOGIC: dict[Any, ops.Template] = {
    _ATEN.logical_and.default: ops.infix("&"),
    _ATEN.bitwise_and.Tensor: ops.infix("&"),
    _ATEN.logical_or.default: ops.infix("|"),
    _ATEN.bitwise_or.Tensor: ops.infix("|"),
    _ATEN.logical_xor.default: ops.infix("^"),
    _ATEN.bitwise_xor.Tensor: ops.infix("^"),
    _ATEN.logical_not.default: lambda x: f"(~{x})",
    _ATEN.bitwise_not.default: lambda x: f"(~{x})",
}


@RULES.of(*_COMPARISONS)
def compare(low: Lowering, node: Node, *operands: Any) -> Value:
    """Compare numbers of one type; nothing compares with NaN but `ne`."""
    target: Any = node.target
    return low.point(_COMPARISONS[target], operands, shape_of(node), "bool")


@RULES.of(*_LOGIC)
def combine(low: Lowering, node: Node, *operands: Any) -> Value:
    """Combine conditions; a number counts as whether it is not 0."""
    if low.kind(node) != "bool":
        raise UnsupportedError("bits of integers")
    target: Any = node.target
    return low.point(_LOGIC[target], operands, shape_of(node), "bool", wants="mask")


@RULES.of(_ATEN.where.self)
def where(low: Lowering, node: Node, mask: Any, yes: Any, no: Any) -> Value:
    """Take one number where a condition holds, and another where it does not."""
    shape, kind = shape_of(node), low.kind(node)
    if kind == "bool":
        either: ops.Template = lambda m, a, b: f"(({m} & {a}) | (~{m} & {b}))"  # noqa: E731
        return low.point(either, [mask, yes, no], shape, kind, wants="mask")
    compute = low.common([yes, no], kind)
    wants = ["mask", compute, compute]
    return low.point(ops.choose, [mask, yes, no], shape, kind, compute, wants)


@RULES.of(_ATEN.masked_fill.Scalar, _ATEN.masked_fill.Tensor)
def masked_fill(low: Lowering, node: Node, x: Any, mask: Any, value: Any) -> Value:
    """Put one number where a condition holds."""
    return where(low, node, mask, value, x)
