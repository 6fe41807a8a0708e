"""The parts of a graph's sites, read and checked once, computed in every run."""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from models.binding import Argument, Entry, Kind, bind, did_you_mean, signature
from models.budget import Budget
from models.context import LARGEST_INTEGER, Context, Value
from models.definition import ParameterForm
from models.distributions import find
from models.errors import DefinitionError, ModelError, ShapeError
from models.expressions import EVALUATION_ERRORS, Evaluator, placed
from models.graph_scope import Scope, at
from models.primitives import Primitives
from models.supports import constraint_from_name

_DEEPEST = 16


@dataclass(frozen=True)
class ExpressionTerm:
    """An expression, or a constant, with its place in the definition."""

    path: str
    #: An expression, a number, or a nested tuple of both.
    content: Any

    def value(self, context: Context, names: Mapping[str, Value], budget: Budget) -> Value:
        """Return the term's value."""
        evaluator = Evaluator(context, names, lambda node: self.path, budget)
        return self._of(self.content, evaluator)

    def _of(self, content: Any, evaluator: Evaluator) -> Value:
        if isinstance(content, ast.expr):
            return evaluator.evaluate(content)
        if isinstance(content, tuple):
            return tuple(self._of(part, evaluator) for part in content)
        return content


def read_term(scope: Scope, raw: Any, path: str, *, data_only: bool = False) -> ExpressionTerm:
    """Read a number, a nested list or an expression.

    Raises:
        DefinitionError: it is none of these, not finite, ragged, or outside the allowlist.
    """
    content = _read(scope, raw, path, data_only, 0)
    _shape(content, path)
    return ExpressionTerm(path, content)


def _read(scope: Scope, raw: Any, path: str, data_only: bool, depth: int) -> Any:
    if depth > _DEEPEST:
        raise DefinitionError(path, f"lists nested deeper than {_DEEPEST}; flatten them")
    match raw:
        case str():
            return scope.parse(raw, path, data_only=data_only)
        case bool() | int() | float():
            scope.count_number(path)
            return _number(raw, path)
        case list() | tuple():
            if not raw and depth == 0:
                return ()
            parts = enumerate(raw)
            return tuple(_read(scope, v, f"{path}[{i}]", data_only, depth + 1) for i, v in parts)
    raise DefinitionError(path, "write a number, a nested list of numbers or an expression")


def _number(raw: Any, path: str) -> Any:
    if not isinstance(raw, float) and abs(raw) > LARGEST_INTEGER:
        raise DefinitionError(path, "an integer beyond 2^63 - 1; write it as 1e19")
    if not math.isfinite(raw):
        raise DefinitionError(path, "a number that is not finite; write a finite one")
    return raw


def _shape(content: Any, path: str) -> tuple[int, ...] | None:
    """Return the shape of a nested list; `None` where an expression decides it."""
    if isinstance(content, ast.expr):
        return None
    if not isinstance(content, tuple):
        return ()
    shapes = [_shape(part, f"{path}[{i}]") for i, part in enumerate(content)]
    known = {shape for shape in shapes if shape is not None}
    if len(known) > 1:
        raise DefinitionError(path, "a ragged list; make its rows equally long")
    return None if None in shapes else (len(shapes), *known.pop()) if known else (0,)


class DistributionTerm:
    """A distribution with its arguments, which may be distributions themselves.

    Raises:
        DefinitionError: the distribution or an argument is unknown, or of another kind.
    """

    def __init__(self, scope: Scope, name: str, args: Mapping[str, Any], path: str) -> None:
        with at(f"{path}.distribution"):
            entry = find(name)
        known = [argument.name for argument in entry.arguments]
        for given in args:
            if given not in known:
                raise DefinitionError(
                    f"{path}.args.{given[:64]}",
                    f"{name} has no argument '{given[:64]}'{did_you_mean(given[:64], known)} "
                    f"It is {signature(entry)}",
                )
        with at(f"{path}.args"):
            bind(entry, (), dict.fromkeys(args, 0))
        self._name = name
        self._path = path
        self._args = {
            key: _read_argument(scope, entry, entry.argument(key), raw, f"{path}.args.{key}")
            for key, raw in args.items()
        }

    def value(
        self,
        context: Context,
        names: Mapping[str, Value],
        primitives: Primitives,
        budget: Budget,
    ) -> Distribution:
        """Return the distribution, its constants checked where the context asks for it."""
        bound = {
            key: self._argument(term, context, names, primitives, budget)
            for key, term in self._args.items()
        }
        try:
            fn = primitives.distribution(self._name, (), bound)
            faults = primitives.faults(self._name, fn)
        except (ModelError, *EVALUATION_ERRORS) as error:
            raise placed(error, f"{self._path}.args") from error
        for argument, message in faults:
            raise DefinitionError(f"{self._path}.args.{argument}", message)
        return fn

    @staticmethod
    def _argument(
        term: Any,
        context: Context,
        names: Mapping[str, Value],
        primitives: Primitives,
        budget: Budget,
    ) -> Value:
        if isinstance(term, DistributionTerm):
            return term.value(context, names, primitives, budget)
        return term.value(context, names, budget) if isinstance(term, ExpressionTerm) else term


def _read_argument(scope: Scope, entry: Entry, argument: Argument, raw: Any, path: str) -> Any:
    if argument.kind is Kind.CONSTRAINT:
        if not isinstance(raw, str):
            raise DefinitionError(path, "write a support by name, such as 'positive'")
        with at(path):
            return constraint_from_name(raw)
    if argument.kind is Kind.DISTRIBUTION:
        return _read_distribution(scope, raw, path)
    if isinstance(raw, dict):
        raise DefinitionError(path, f"'{argument.name}' of {entry.name} is no distribution")
    return read_term(scope, raw, path)


def _read_distribution(scope: Scope, raw: Any, path: str) -> DistributionTerm:
    form = '{"distribution": "Normal", "args": {...}}'
    if not isinstance(raw, dict) or not isinstance(raw.get("distribution"), str):
        raise DefinitionError(path, f"write a distribution: {form}")
    surplus = set(raw) - {"distribution", "args"}
    args = raw.get("args", {})
    if surplus or not isinstance(args, dict) or path.count(".args.") > _DEEPEST:
        raise DefinitionError(path, f"a distribution here is written as {form}")
    return DistributionTerm(scope, raw["distribution"], args, path)


class ParameterTerm:
    """A parameter without prior.

    Raises:
        DefinitionError: its support, shape or start is malformed.
    """

    def __init__(self, scope: Scope, form: ParameterForm, path: str) -> None:
        self._path = path
        with at(f"{path}.support"):
            self._support = constraint_from_name(form.support)
        self._shape = [
            read_term(scope, size, f"{path}.shape[{i}]", data_only=isinstance(size, str))
            for i, size in enumerate(form.shape)
        ]
        self._init = None if form.init is None else read_term(scope, form.init, f"{path}.init")

    def value(
        self,
        context: Context,
        names: Mapping[str, Value],
        site: str,
        primitives: Primitives,
        budget: Budget,
    ) -> Tensor:
        """Return the parameter's value."""
        shape = [
            self._size(context, term.value(context, names, budget), term.path)
            for term in self._shape
        ]
        init = None if self._init is None else self._init.value(context, names, budget)
        rank = len(shape) if shape or init is None else context.real(init).dim()
        if rank < self._support.event_dim:
            raise ShapeError(
                f"{self._path}.shape",
                f"the support needs at least {self._support.event_dim} dimensions; write "
                f"a shape such as {[2] * self._support.event_dim}",
            )
        try:
            return primitives.param(site, init, self._support, shape)
        except (ModelError, *EVALUATION_ERRORS) as error:
            raise placed(error, self._path if init is None else f"{self._path}.init") from error

    @staticmethod
    def _size(context: Context, value: Value, path: str) -> int:
        try:
            size = context.static(value, "a size")
        except TypeError as error:
            raise placed(error, path) from error
        if size < 1:
            raise ShapeError(path, f"a size of {size}; write at least 1")
        return size
