"""The table of functions that a formula may call; nothing else can be reached by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.formula.syntax import Binary, Call, Name, Node, Number, Unary
from models.formula.tokens import refusal

Array = NDArray[Any]

#: Columns that `poly` and `bs` may make.
MAX_COLUMNS = 100


@dataclass(frozen=True)
class Function:
    """A function: how it is called, and what it computes of columns."""

    name: str
    #: Of `B` numbers; None where what it means is not a number.
    compute: Callable[..., Array] | None
    #: Arguments by place, with words for what they are.
    places: tuple[str, ...] = ("x",)
    #: Of `places`, those beyond the first that may be left out.
    optional: int = 0
    keywords: tuple[str, ...] = ()
    #: Whether the first argument is a column's name and nothing else.
    bare: bool = False
    #: Whether the arguments after the first are plain integers.
    integers: bool = False

    def check(self, call: Call) -> None:
        """Check a call's arguments.

        Raises:
            DefinitionError: there are too few or too many, or one is of the wrong kind.
        """
        least, most = len(self.places) - self.optional, len(self.places)
        if not least <= len(call.arguments) <= most:
            wanted = f"{self.name}({', '.join(self.places)})"
            raise refusal(call.column, f"{len(call.arguments)} arguments; write {wanted}")
        first = call.arguments[0]
        if self.bare and not isinstance(first, Name):
            wanted = f"write its name, as {self.name}(x)"
            raise refusal(call.column, f"{self.name} is of a column; {wanted}")
        if self.integers:
            for value in (*call.arguments[1:], *(value for _, value in call.keywords)):
                _check_integer(call, value)


def _check_integer(call: Call, value: Node) -> None:
    if not isinstance(value, Number) or not 0 < value.value <= MAX_COLUMNS:
        raise refusal(call.column, f"{call.function}: write an integer from 1 to {MAX_COLUMNS}")
    if isinstance(value.value, float):
        raise refusal(value.column, f"{call.function}: write an integer, not {value.text}")


def _transform(name: str) -> Callable[..., Array]:
    """Return one of formulae's transforms that remember what they were fitted to."""

    def compute(values: Array, *arguments: int, **keywords: int) -> Array:
        # It brings pandas along: what never sees a formula does without.
        from formulae.transforms import TRANSFORMS

        found: Array = np.asarray(TRANSFORMS[name]()(values, *arguments, **keywords))
        return found

    return compute


_ELEMENTS: Mapping[str, Callable[..., Array]] = {
    "I": lambda values: values,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "logit": logit,
    "sigmoid": expit,
    "center": _transform("center"),
    "scale": _transform("scale"),
    "standardize": _transform("scale"),
}

FUNCTIONS: Mapping[str, Function] = {
    **{name: Function(name, compute) for name, compute in _ELEMENTS.items()},
    "poly": Function(
        "poly", _transform("poly"), ("x", "degree"), 1, keywords=("degree",), integers=True
    ),
    "bs": Function(
        "bs", _transform("bs"), ("x", "df"), 1, keywords=("df", "degree"), integers=True
    ),
    "C": Function("C", None, bare=True),
    "offset": Function("offset", None),
    "p": Function("p", None, ("successes", "trials"), bare=True),
    "proportion": Function("proportion", None, ("successes", "trials"), bare=True),
}

#: What a response of counts out of trials is called.
TRIALS = ("p", "proportion")


def arithmetic(operator: str, left: Array, right: Array) -> Array:
    """Return the result of an operator within a function."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
    return left**right


def calls(node: Node) -> list[Call]:
    """Return every call in a node, the outermost first."""
    match node:
        case Call():
            inner = [call for argument in node.arguments for call in calls(argument)]
            return [node, *inner]
        case Unary():
            return calls(node.operand)
        case Binary():
            return [*calls(node.left), *calls(node.right)]
    return []
