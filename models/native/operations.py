"""The C++ texts of numbers and of operations on numbers at the same place.

A template takes the operands' texts, vectors of one type `V`, and returns the result's.
"""

import math
from collections.abc import Callable

Template = Callable[..., str]


def number(value: float) -> str:
    """Return a number as C++ text that reads back the same."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text


def constant(value: float) -> str:
    """Return the vector whose lanes all hold a number."""
    return f"splat<V>({number(value)})"


def call(name: str) -> Template:
    """Return the template of a function's call."""
    return lambda *operands: f"{name}({', '.join(operands)})"


def infix(sign: str) -> Template:
    """Return the template of a binary operator."""
    return lambda a, b: f"({a} {sign} {b})"


def same(x: str) -> str:
    """The number itself, perhaps in another type."""
    return x


product = infix("*")
quotient = infix("/")


def reciprocal(x: str) -> str:
    """One over a number."""
    return f"({constant(1)} / {x})"


def choose(mask: str, yes: str, no: str) -> str:
    """One number where a mask is set, another where it is not."""
    return f"select<V>({mask}, {yes}, {no})"


def power(exponent: float) -> Template:
    """Return the template of `x ** exponent`."""
    easy: dict[float, Template] = {
        0.0: lambda x: constant(1),
        1.0: same,
        2.0: lambda x: f"({x} * {x})",
        3.0: lambda x: f"({x} * {x} * {x})",
        -1.0: reciprocal,
        -2.0: lambda x: reciprocal(f"({x} * {x})"),
        0.5: lambda x: f"vsqrt({x})",
        -0.5: lambda x: reciprocal(f"vsqrt({x})"),
    }
    return easy.get(exponent, lambda x: f"vpow({x}, {constant(exponent)})")
