"""The words of model text: modules, constants, attributes, and what a dotted name refers to."""

import ast
import math
import re
from collections.abc import Mapping

from models.context import Value
from models.functions import FUNCTIONS, SPELLINGS
from models.functions.arrays import ElementType

#: Names of a definition: sites, plates, data.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

#: Modules whose members are in the tables; the text never imports them.
EXPRESSION_MODULES = frozenset({"torch", "math"})
PROGRAM_MODULES = EXPRESSION_MODULES | {"pyro", "dist", "constraints"}

#: Attributes of an array, and of what `torch.max(x, dim)` returns.
ATTRIBUTES = frozenset({"shape", "T", "mT", "ndim", "values", "indices"})

#: Methods of a distribution.
DISTRIBUTION_METHODS: Mapping[str, tuple[int, int]] = {
    "expand": (1, 8),
    "to_event": (0, 1),
    "mask": (1, 1),
}

_REAL = ("float", "float16", "bfloat16", "float32", "float64", "double", "half")
_INTEGER = ("int", "int8", "int16", "int32", "int64", "long", "short")

#: Dotted names that stand for a value.
CONSTANTS: Mapping[str, Value] = {
    "torch.pi": math.pi,
    "torch.e": math.e,
    "math.pi": math.pi,
    "math.e": math.e,
    "torch.bool": ElementType.BOOLEAN,
    **{f"torch.{name}": ElementType.REAL for name in _REAL},
    **{f"torch.{name}": ElementType.INTEGER for name in _INTEGER},
}

_LONG_NAMES = (
    ("pyro.distributions.constraints.", "constraints."),
    ("torch.distributions.constraints.", "constraints."),
    ("dist.constraints.", "constraints."),
    ("pyro.distributions.", "dist."),
    ("torch.distributions.", "dist."),
)


def dotted(node: ast.expr) -> str | None:
    """Return `torch.linalg.cholesky` for the node that says so; `None` if it is no dotted name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or not parts or node.id not in PROGRAM_MODULES:
        return None
    name = ".".join([node.id, *reversed(parts)])
    for long, short in _LONG_NAMES:
        if name.startswith(long):
            return short + name.removeprefix(long)
    return name


def is_function(name: str) -> bool:
    """Whether a bare name is a function's."""
    return name in FUNCTIONS


def known_calls(prefix: str) -> list[str]:
    """Return the dotted names of functions in a module, for suggestions."""
    return [name for name in SPELLINGS if name.startswith(prefix + ".")]
