"""Runs the checked statements of a Pyro program, with a budget of steps."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import Distribution

from models.arithmetic import binary
from models.budget import operations
from models.context import Context, Value, describe
from models.errors import DefinitionError
from models.expressions import Evaluator
from models.primitives import Primitives
from models.program_grammar import PRIMITIVES
from models.source import Place
from models.supports import make_constraint

#: Statements of one run, loops unrolled.
MAX_STEPS = 20_000
#: Turns of one loop.
MAX_LOOP = 10_000


class _Returned(Exception):
    """A `return` was reached."""


class Interpreter:
    """One run of a program.

    Args:
        context: dtype, device and policies of the run.
        names: the data by name.
        place: where a node stands.
    """

    def __init__(self, context: Context, names: Mapping[str, Value], place: Place) -> None:
        self._context = context
        self._place = place
        self._names: dict[str, Value] = dict(names)
        self._primitives = Primitives(context)
        self._evaluator = Evaluator(context, self._names, place, operations(), self)
        self._steps = 0

    def run(self, statements: list[ast.stmt]) -> None:
        """Run a function's body; what it returns is not used."""
        try:
            self._block(statements)
        except _Returned:
            return

    def call(self, name: str, node: ast.Call, evaluator: Evaluator) -> Value:
        """Return the value of a primitive, a distribution or a constraint."""
        if name.startswith("constraints."):
            return make_constraint(name.removeprefix("constraints."), evaluator.arguments(node)[0])
        if name.startswith("dist."):
            return self._distribution(name.removeprefix("dist."), *evaluator.arguments(node))
        if name == "pyro.sample":
            return self._sample(node)
        args, kwargs = evaluator.arguments(node)
        required, optional = PRIMITIVES[name]
        given = {**dict(zip(required + optional, args, strict=False)), **kwargs}
        match name:
            case "pyro.param":
                constraint = given.get("constraint")
                return self._primitives.param(given["name"], given["init_tensor"], constraint)
            case "pyro.deterministic":
                return self._primitives.deterministic(given["name"], given["value"])
            case "pyro.factor":
                return self._primitives.factor(given["name"], given["log_factor"])
            case _:
                return self._primitives.plate(given["name"], given["size"], given.get("dim"))

    def method(self, fn: TorchDistribution, name: str, args: list[Value]) -> Value:
        """Return a distribution changed by `expand`, `to_event` or `mask`."""
        static = self._context.static
        match name, args:
            case "expand", [*sizes] if sizes:
                shape = sizes[0] if isinstance(sizes[0], tuple) else sizes
                return fn.expand(tuple(static(size, "a size") for size in shape))
            case "to_event", []:
                return fn.to_event(len(fn.batch_shape))
            case "to_event", [count]:
                return fn.to_event(static(count, "the number of dimensions"))
            case "mask", [Tensor() as mask]:
                return fn.mask(mask if not mask.is_floating_point() else mask != 0)
            case "mask", [bool() as mask]:
                return fn.mask(mask)
        raise TypeError(f"a distribution has the methods expand, to_event and mask; not '.{name}'")

    def _distribution(self, name: str, args: list[Value], kwargs: dict[str, Value]) -> Distribution:
        fn = self._primitives.distribution(name, args, kwargs)
        for argument, message in self._primitives.faults(name, fn):
            raise DefinitionError("", f"the argument '{argument}' of {name}: {message}")
        return fn

    def _sample(self, node: ast.Call) -> Tensor:
        infer: dict[str, Any] = {}
        keywords = []
        for keyword in node.keywords:
            if keyword.arg == "infer":
                infer = ast.literal_eval(keyword.value)
            else:
                keywords.append(keyword)
        args, kwargs = self._evaluator.arguments(ast.Call(node.func, node.args, keywords))
        given = {**dict(zip(("name", "fn", "obs"), args, strict=False)), **kwargs}
        return self._primitives.sample(given["name"], given["fn"], given.get("obs"), infer)

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise DefinitionError(
                    self._place(statement),
                    f"more than {MAX_STEPS} steps in one run; write arrays and plates, not loops",
                )
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr():
                self._evaluator.evaluate(node.value)
            case ast.Assign():
                value = self._evaluator.evaluate(node.value)
                for target in node.targets:
                    self._assign(target, value)
            case ast.AugAssign():
                self._augment(node)
            case ast.For():
                for value in self._turns(node):
                    self._assign(node.target, value)
                    self._block(node.body)
            case ast.If():
                self._block(node.body if self._truth(node.test) else node.orelse)
            case ast.With():
                self._with(node)
            case ast.Return():
                if node.value is not None:
                    self._evaluator.evaluate(node.value)
                raise _Returned

    def _truth(self, node: ast.expr) -> bool:
        value = self._evaluator.evaluate(node)
        with self._evaluator.at(node):
            return self._context.truth(value)

    def _assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
            return
        assert isinstance(target, ast.Tuple | ast.List)
        with self._evaluator.at(target):
            parts = _parts(value, len(target.elts))
        for part, item in zip(target.elts, parts, strict=True):
            self._assign(part, item)

    def _augment(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        value = self._evaluator.evaluate(node.value)
        with self._evaluator.at(node):
            before = self._names[node.target.id]
            self._names[node.target.id] = binary(self._context, type(node.op), before, value)

    def _turns(self, node: ast.For) -> Iterator[int]:
        assert isinstance(node.iter, ast.Call)
        with self._evaluator.at(node.iter):
            turns = self._range(node.iter)
            if len(turns) > MAX_LOOP:
                raise DefinitionError(
                    "",
                    f"a loop of {len(turns)} turns; the limit is {MAX_LOOP}: write arrays and "
                    "plates instead",
                )
        yield from turns

    def _range(self, node: ast.Call) -> range:
        args, kwargs = self._evaluator.arguments(node)
        if isinstance(node.func, ast.Name):
            return range(*[self._context.static(bound, "a range") for bound in args])
        # A sequential plate: its turns are a plain loop.
        given = {**dict(zip(("name", "size"), args, strict=False)), **kwargs}
        return range(self._context.static(given["size"], "the size of a plate"))

    def _with(self, node: ast.With) -> None:
        with ExitStack() as stack:
            for item in node.items:
                plate = self._evaluator.evaluate(item.context_expr)
                with self._evaluator.at(item.context_expr):
                    indices = stack.enter_context(self._primitives.inside(plate))
                if item.optional_vars is not None:
                    self._assign(item.optional_vars, indices)
            self._block(node.body)


def _parts(value: Value, count: int) -> tuple[Value, ...]:
    if isinstance(value, Tensor) and value.dim() > 0:
        size = value.shape[0]
    elif isinstance(value, tuple):
        size = len(value)
    else:
        raise TypeError(f"{describe(value)} cannot be taken apart into several names")
    if size != count:
        raise ValueError(f"{count} names for {size} values")
    return value if isinstance(value, tuple) else value.unbind(0)
