"""The shared evaluator: nodes of the allowlist to values, by tables and never by Python's own.

`models/grammar.py` has checked the whole text before; this file computes. Graph expressions and
Pyro source run through the same `Evaluator`, which differ only in what a dotted call may do.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor
from torch.distributions import Distribution

from models.arithmetic import binary, both, compare, counted, unary
from models.budget import Budget
from models.context import Context, StaticInt, Value, as_static, describe
from models.errors import DefinitionError, ModelError, ShapeError, TooLargeError
from models.functions import FUNCTIONS, METHODS, SPELLINGS
from models.indexing import subscript
from models.source import Place
from models.vocabulary import CONSTANTS, dotted

__all__ = ["Context", "Evaluator", "StaticInt", "Value", "as_static"]

#: What torch and Pyro raise when values do not fit together.
EVALUATION_ERRORS = (
    RuntimeError,
    ValueError,
    IndexError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
    OverflowError,
    ZeroDivisionError,
)
_LONGEST_MESSAGE = 400


class Calls(Protocol):
    """The calls that only a program knows: Pyro's primitives, distributions and their methods."""

    def call(self, name: str, node: ast.Call, evaluator: "Evaluator") -> Value:
        """Return the value of a call by dotted name."""

    def method(self, fn: Distribution, name: str, args: list[Value]) -> Value:
        """Return the value of a method of a distribution."""


class Evaluator:
    """Computes expressions.

    Args:
        context: dtype, device and policies of the run.
        names: the values of variables.
        place: where a node stands.
        budget: the operations that are left to the run.
        calls: what a program may call beside functions; `None` in a graph.
    """

    def __init__(
        self,
        context: Context,
        names: Mapping[str, Value],
        place: Place,
        budget: Budget,
        calls: Calls | None = None,
    ) -> None:
        self.context = context
        self.place = place
        self._names = names
        self._budget = budget
        self._calls = calls

    def evaluate(self, node: ast.expr) -> Value:
        """Return the value of a node.

        Raises:
            ModelError: with the node's place, whatever went wrong below it.
        """
        try:
            self._budget.spend()
            return _RULES[type(node)](self, node)
        except (ModelError, *EVALUATION_ERRORS) as error:
            raise placed(error, self.place(node)) from error

    @contextmanager
    def at(self, node: ast.AST) -> Iterator[None]:
        """Give errors raised inside the place of a node."""
        try:
            yield
        except (ModelError, *EVALUATION_ERRORS) as error:
            raise placed(error, self.place(node)) from error

    def arguments(self, node: ast.Call) -> tuple[list[Value], dict[str, Value]]:
        """Return a call's arguments, by position and by name."""
        args = [self.evaluate(argument) for argument in node.args]
        kwargs = {str(k.arg): self.evaluate(k.value) for k in node.keywords}
        return args, kwargs

    def _constant(self, node: ast.Constant) -> Value:
        return node.value

    def _name(self, node: ast.Name) -> Value:
        if node.id not in self._names:
            raise DefinitionError("", f"the name '{node.id}' has no value yet; define it before")
        return self._names[node.id]

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        return binary(self.context, type(node.op), left, right)

    def _unary(self, node: ast.UnaryOp) -> Value:
        return unary(self.context, type(node.op), self.evaluate(node.operand))

    def _boolean(self, node: ast.BoolOp) -> Value:
        stops = isinstance(node.op, ast.Or)
        for part in node.values:
            if self.context.truth(self.evaluate(part)) is stops:
                return stops
        return not stops

    def _compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        result: Value = True
        for place, (kind, part) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.evaluate(part)
            link = compare(self.context, type(kind), left, right)
            result = link if place == 0 else both(result, link)
            left = right
        return result

    def _conditional(self, node: ast.IfExp) -> Value:
        chosen = self.context.truth(self.evaluate(node.test))
        return self.evaluate(node.body if chosen else node.orelse)

    def _sequence(self, node: ast.Tuple | ast.List) -> Value:
        return counted(tuple(self.evaluate(part) for part in node.elts))

    def _subscript(self, node: ast.Subscript) -> Value:
        value, index = self.evaluate(node.value), self.evaluate(node.slice)
        if isinstance(index, tuple) and not isinstance(node.slice, ast.Tuple):
            # x[[0, 2]] picks two entries; x[0, 2] is one entry of a matrix.
            index = (index,)
        return subscript(self.context, value, index, booleans=self._calls is None)

    def _slice(self, node: ast.Slice) -> Value:
        bounds = [
            None if n is None else self._bound(n) for n in (node.lower, node.upper, node.step)
        ]
        return slice(*bounds)

    def _bound(self, node: ast.expr) -> int | None:
        value = self.evaluate(node)
        return None if value is None else self.context.static(value, "a slice's bound")

    def _attribute(self, node: ast.Attribute) -> Value:
        full = dotted(node)
        if full is not None and full in CONSTANTS:
            return CONSTANTS[full]
        if full is not None and self._calls is not None:
            return self._calls.call(full, ast.Call(node, [], []), self)
        return _ATTRIBUTES[node.attr](self.context, self.evaluate(node.value))

    def _call(self, node: ast.Call) -> Value:
        full = dotted(node.func)
        if full in SPELLINGS:
            return SPELLINGS[full].call(self.context, *self.arguments(node))
        if full is not None and self._calls is not None:
            return self._calls.call(full, node, self)
        if isinstance(node.func, ast.Name):
            return FUNCTIONS[node.func.id].call(self.context, *self.arguments(node))
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        raise TypeError("only functions by name can be called")

    def _method(self, node: ast.Call, target: ast.Attribute) -> Value:
        value = self.evaluate(target.value)
        args, kwargs = self.arguments(node)
        if isinstance(value, Distribution) and self._calls is not None:
            return self._calls.method(value, target.attr, [*args, *kwargs.values()])
        if not isinstance(value, Tensor | int | float | StaticInt) or target.attr not in METHODS:
            raise TypeError(f"{describe(value)} has no method '.{target.attr}'")
        return METHODS[target.attr].call(self.context, [value, *args], kwargs)


def placed(error: Exception, place: str) -> ModelError:
    """Return what was raised below a place as an error of the model that names the place."""
    if isinstance(error, ModelError):
        return error if error.path not in ("", "model") else type(error)(place, error.message)
    if isinstance(error, ZeroDivisionError | OverflowError):
        return DefinitionError(place, "a division by zero, or a constant that is not finite")
    if "allocate memory" in str(error):
        return TooLargeError(place, "more memory than there is for it; use smaller shapes")
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    kind = DefinitionError if isinstance(error, TypeError) else ShapeError
    return kind(place, first[:_LONGEST_MESSAGE])


def _shape(context: Context, value: Value) -> Value:
    return tuple(context.tensor(value).shape)


def _rank(context: Context, value: Value) -> Value:
    return context.tensor(value).dim()


def _transposed(context: Context, value: Value) -> Value:
    return METHODS["t"].call(context, [value], {})


def _field(name: str) -> Callable[[Context, Value], Value]:
    def field(context: Context, value: Value) -> Value:
        if not isinstance(value, tuple) or name not in getattr(value, "_fields", ()):
            raise TypeError(f"{describe(value)} has no '.{name}'")
        return value[0] if name == "values" else value[1]

    return field


_ATTRIBUTES: Mapping[str, Callable[[Context, Value], Value]] = {
    "shape": _shape,
    "ndim": _rank,
    "T": _transposed,
    "mT": _transposed,
    "values": _field("values"),
    "indices": _field("indices"),
}

_RULES: Mapping[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: Evaluator._constant,
    ast.Name: Evaluator._name,
    ast.BinOp: Evaluator._binary,
    ast.UnaryOp: Evaluator._unary,
    ast.BoolOp: Evaluator._boolean,
    ast.Compare: Evaluator._compare,
    ast.IfExp: Evaluator._conditional,
    ast.Tuple: Evaluator._sequence,
    ast.List: Evaluator._sequence,
    ast.Subscript: Evaluator._subscript,
    ast.Slice: Evaluator._slice,
    ast.Attribute: Evaluator._attribute,
    ast.Call: Evaluator._call,
}
