"""Operations that compute each number from the numbers at the same place: their C++ text.

A template takes the operands' texts, vectors of one type `V`, and returns the result's.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

Template = Callable[..., str]
_ATEN = torch.ops.aten


def number(value: float) -> str:
    """Return a number as C++ text that reads back the same."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(value))
    return f"({text})" if value < 0 or text.startswith("-") else text


def constant(value: float) -> str:
    """Return the vector whose lanes all hold a number."""
    return f"splat<V>({number(value)})"


def _call(name: str) -> Template:
    return lambda *operands: f"{name}({', '.join(operands)})"


def _infix(sign: str) -> Template:
    return lambda a, b: f"({a} {sign} {b})"


def power(exponent: float) -> Template:
    """Return the template of `x ** exponent`."""
    easy: dict[float, Template] = {
        0.0: lambda x: f"select<V>({x} == {x}, {constant(1)}, {constant(1)})",
        1.0: lambda x: x,
        2.0: lambda x: f"({x} * {x})",
        3.0: lambda x: f"({x} * {x} * {x})",
        -1.0: lambda x: f"({constant(1)} / {x})",
        -2.0: lambda x: f"({constant(1)} / ({x} * {x}))",
        0.5: lambda x: f"vsqrt({x})",
        -0.5: lambda x: f"({constant(1)} / vsqrt({x}))",
    }
    return easy.get(exponent, lambda x: f"vpow({x}, {constant(exponent)})")


#: Elementwise operations whose operands and result have one type.
ARITHMETIC: dict[Any, Template] = {
    _ATEN.neg.default: lambda x: f"(-{x})",
    _ATEN.reciprocal.default: lambda x: f"({constant(1)} / {x})",
    _ATEN.rsqrt.default: lambda x: f"({constant(1)} / vsqrt({x}))",
    _ATEN.square.default: lambda x: f"({x} * {x})",
    _ATEN.relu.default: lambda x: f"vmax({x}, {constant(0)})",
    _ATEN.sgn.default: _call("vsign"),
    _ATEN.sign.default: _call("vsign"),
    _ATEN.special_ndtr.default: lambda x: (
        f"({constant(0.5)} * verfc(-{x} * {constant(math.sqrt(0.5))}))"
    ),
    _ATEN.mul.Tensor: _infix("*"),
    _ATEN.mul.Scalar: _infix("*"),
    _ATEN.div.Tensor: _infix("/"),
    _ATEN.div.Scalar: _infix("/"),
    _ATEN.pow.Tensor_Tensor: _call("vpow"),
    _ATEN.atan2.default: _call("vatan2"),
    _ATEN.maximum.default: _call("vmax"),
    _ATEN.minimum.default: _call("vmin"),
    _ATEN.logaddexp.default: _call("vlogaddexp"),
    _ATEN.xlogy.Tensor: _call("vxlogy"),
    _ATEN.fmod.Tensor: _call("vfmod"),
    _ATEN.softplus_backward.default: lambda g, x: f"({g} * vsigmoid({x}))",
    _ATEN.sigmoid_backward.default: lambda g, y: f"({g} * {y} * ({constant(1)} - {y}))",
    _ATEN.tanh_backward.default: lambda g, y: f"({g} * ({constant(1)} - {y} * {y}))",
    _ATEN.softplus.default: lambda x: f"vsoftplus({x})",
    **{
        getattr(_ATEN, name).default: _call(f"v{spelt}")
        for name, spelt in {
            **{
                plain: plain
                for plain in ["exp", "log", "log1p", "expm1", "log2", "log10", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "asin", "acos", "atan", "erf", "erfc", "erfinv", "lgamma", "digamma", "sigmoid", "abs", "floor", "ceil", "trunc", "round"]
            },
            "special_erfcx": "erfcx",
            "special_i0e": "i0e",
            "special_i1e": "i1e",
        }.items()
    },
}

#: Comparisons: operands of one type, a mask as result.
COMPARISONS: dict[Any, Template] = {
    getattr(getattr(_ATEN, name), overload): _infix(sign)
    for name, sign in {
        "lt": "<",
        "le": "<=",
        "gt": ">",
        "ge": ">=",
        "eq": "==",
        "ne": "!=",
    }.items()
    for overload in ("Tensor", "Scalar")
}

#: Masks of masks.
LOGIC: dict[Any, Template] = {
    _ATEN.logical_and.default: _infix("&"),
    _ATEN.bitwise_and.Tensor: _infix("&"),
    _ATEN.logical_or.default: _infix("|"),
    _ATEN.bitwise_or.Tensor: _infix("|"),
    _ATEN.logical_not.default: lambda x: f"(~{x})",
    _ATEN.bitwise_not.default: lambda x: f"(~{x})",
    _ATEN.logical_xor.default: _infix("^"),
    _ATEN.bitwise_xor.Tensor: _infix("^"),
}
