"""The allowlist of expressions, checked before anything runs, also where nothing would run."""

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass

from models.binding import bind, did_you_mean
from models.context import LARGEST_INTEGER
from models.distributions import find
from models.errors import DefinitionError
from models.functions import FUNCTIONS, METHODS, SPELLINGS
from models.source import Place
from models.supports import BOUNDED, constraint_from_name
from models.vocabulary import (
    ATTRIBUTES,
    CONSTANTS,
    DISTRIBUTION_METHODS,
    EXPRESSION_MODULES,
    PROGRAM_MODULES,
    dotted,
    known_calls,
)

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult,
    ast.BitAnd, ast.BitOr, ast.USub, ast.UAdd, ast.Not, ast.Invert, ast.And, ast.Or,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.Load,
)  # fmt: skip

#: Nodes that need no rule of their own: their children are checked.
_PLAIN = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List,
    ast.Subscript, ast.Slice,
)  # fmt: skip

#: What to write instead of what is refused.
_INSTEAD: dict[type[ast.AST], str] = {
    ast.Lambda: "lambda functions are not part of model text; write the expression in place",
    ast.JoinedStr: 'f-strings are not part of model text; write "name_" + str(i)',
    ast.ListComp: "comprehensions are not part of model text; write an array expression",
    ast.SetComp: "comprehensions are not part of model text; write an array expression",
    ast.DictComp: "comprehensions are not part of model text; write an array expression",
    ast.GeneratorExp: "comprehensions are not part of model text; write an array expression",
    ast.NamedExpr: "`:=` is not part of model text; assign on a line of its own",
    ast.Starred: "`*` in a list of arguments is not part of model text; write them out",
    ast.Dict: "dictionaries are not part of model text",
    ast.Set: "sets are not part of model text; write a list",
    ast.Await: "await is not part of model text",
    ast.Yield: "yield is not part of model text",
    ast.YieldFrom: "yield is not part of model text",
    ast.BitXor: "`^` is not part of model text; write ** for a power",
    ast.LShift: "shifts are not part of model text; write * 2 ** n",
    ast.RShift: "shifts are not part of model text; write // 2 ** n",
    ast.In: "`in` is not part of model text; compare with ==",
    ast.NotIn: "`not in` is not part of model text; compare with !=",
}

#: Checks a call of a module that only a program knows; says whether it was one.
Calls = Callable[[str, ast.Call], bool]


@dataclass(frozen=True)
class Grammar:
    """Checks one expression.

    Attributes:
        place: where a node stands.
        name: called with every name that is read as a value; raises where it means nothing.
        variable: whether a bare name is a variable here, hiding the function of that name.
        calls: the calls beside the tables' functions: `None` in an expression of a graph.
    """

    place: Place
    name: Callable[[ast.Name], None]
    variable: Callable[[str], bool]
    calls: Calls | None = None

    def check(self, node: ast.AST) -> None:
        """Check a node and everything below it.

        Raises:
            DefinitionError: something is outside the allowlist; the message says what to write.
        """
        match node:
            case ast.Constant():
                self._constant(node)
            case ast.Name():
                self._name(node)
            case ast.Call():
                self._call(node)
            case ast.Attribute():
                self._attribute(node)
            case _ if isinstance(node, _PLAIN):
                for child in ast.iter_child_nodes(node):
                    self._child(node, child)
            case _:
                self.refuse(node, _INSTEAD.get(type(node), ""))

    def operator(self, node: ast.AST, operator: ast.AST) -> None:
        """Check the operator of a node; operators have no place of their own."""
        if not isinstance(operator, _OPERATORS):
            self.refuse(node, _INSTEAD.get(type(operator), "an operator outside model text"))

    def _child(self, node: ast.AST, child: ast.AST) -> None:
        if isinstance(child, ast.expr):
            self.check(child)
        else:
            self.operator(node, child)

    def refuse(self, node: ast.AST, message: str) -> None:
        """Raise the error that says what to write instead."""
        kind = type(node).__name__
        place = self.place(node)
        raise DefinitionError(place, message or f"{kind} is not part of model text; see the docs")

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bytes | complex):
            self.refuse(node, f"{value!r} is not part of model text; write a real number")
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(node, "a constant that is not finite; write a number below 1.8e308")
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            self.refuse(node, "an integer beyond 2^63 - 1; write it as a float, such as 1e19")

    def _modules(self) -> frozenset[str]:
        return EXPRESSION_MODULES if self.calls is None else PROGRAM_MODULES

    def _name(self, node: ast.Name) -> None:
        if node.id.startswith("__"):
            self.refuse(node, f"'{node.id}' is not part of model text; names do not begin with __")
        if self.variable(node.id):
            self.name(node)
        elif node.id in self._modules():
            self.refuse(node, f"'{node.id}' is a module; write {node.id}.NAME")
        elif node.id in FUNCTIONS:
            self.refuse(node, f"'{node.id}' is a function's name; call it, as {node.id}(...)")
        else:
            self.name(node)

    def _attribute(self, node: ast.Attribute) -> None:
        full = dotted(node)
        if full is None:
            self._value_attribute(node)
        elif full.split(".")[0] not in self._modules():
            self._unknown(node, full)
        elif full.startswith("constraints."):
            self._constraint(node, full.removeprefix("constraints."))
        elif full in ("torch.inf", "math.inf", "torch.nan", "math.nan"):
            self.refuse(node, "a constant that is not finite; write a number below 1.8e308")
        elif full not in CONSTANTS:
            self._unknown(node, full)

    def _value_attribute(self, node: ast.Attribute) -> None:
        if node.attr.startswith("_"):
            self.refuse(node, f"'.{node.attr}' is not part of model text; remove it")
        if node.attr in METHODS or node.attr in DISTRIBUTION_METHODS:
            self.refuse(node, f"'.{node.attr}' is a method; call it, as .{node.attr}(...)")
        if node.attr not in ATTRIBUTES:
            known = sorted(ATTRIBUTES)
            hint = did_you_mean(node.attr, known) or f"; known are {', '.join(known)}"
            self.refuse(node, f"the attribute '.{node.attr}' is not part of model text{hint}")
        self.check(node.value)

    def _constraint(self, node: ast.AST, text: str) -> None:
        try:
            constraint_from_name(text)
        except DefinitionError as error:
            self.refuse(node, error.message)

    def _bounded(self, node: ast.Call, name: str) -> None:
        if name not in BOUNDED:
            self._constraint(node, name)
            self.refuse(node, f"the support '{name}' takes no bounds; write it without brackets")
        bounds = BOUNDED[name][1]
        if node.keywords or len(node.args) != len(bounds):
            self.refuse(node, f"the support '{name}' takes {' and '.join(bounds)}, by position")

    def _call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(node, "`**` in a call is not part of model text; write the arguments")
        full = dotted(node.func)
        if full is not None and full.split(".")[0] not in self._modules():
            self._unknown(node, full)
        if full is not None:
            self._dotted_call(node, full)
        elif isinstance(node.func, ast.Name):
            self._bare_call(node, node.func.id)
        elif isinstance(node.func, ast.Attribute):
            self._method_call(node, node.func)
        else:
            self.refuse(node, "only functions by name can be called; see the list in the docs")

    def _arguments(self, node: ast.Call) -> None:
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self.check(argument)

    def _bare_call(self, node: ast.Call, name: str) -> None:
        if self.variable(name):
            self.refuse(
                node,
                f"'{name}' is a variable here and cannot be called; if you mean the function, "
                "give the variable another name",
            )
        if name not in FUNCTIONS:
            hint = did_you_mean(name, list(FUNCTIONS)) or "; see the list of functions in the docs"
            self.refuse(node, f"unknown function '{name}'{hint}")
        with _Placed(self, node):
            FUNCTIONS[name].check(len(node.args), _keywords(node))
        self._arguments(node)

    def _dotted_call(self, node: ast.Call, full: str) -> None:
        if full in SPELLINGS:
            with _Placed(self, node):
                SPELLINGS[full].check(len(node.args), _keywords(node))
            self._arguments(node)
        elif full.startswith("dist."):
            with _Placed(self, node):
                entry = find(full.removeprefix("dist."))
                given = object()
                bind(entry, [given] * len(node.args), dict.fromkeys(_keywords(node), given))
            self._arguments(node)
        elif full.startswith("constraints."):
            self._bounded(node, full.removeprefix("constraints."))
            self._arguments(node)
        elif self.calls is None or not self.calls(full, node):
            self._unknown(node, full)

    def _method_call(self, node: ast.Call, target: ast.Attribute) -> None:
        name = target.attr
        if name not in METHODS and name not in DISTRIBUTION_METHODS:
            known = [*METHODS, *DISTRIBUTION_METHODS]
            hint = did_you_mean(name, known) or "; write a function of the array instead"
            self.refuse(node, f"the method '.{name}' is not part of model text{hint}")
        self.check(target.value)
        if name not in DISTRIBUTION_METHODS:
            with _Placed(self, node):
                METHODS[name].check(len(node.args) + 1, _keywords(node))
        self._arguments(node)

    def _unknown(self, node: ast.AST, full: str) -> None:
        head = full.rpartition(".")[0]
        hint = did_you_mean(full, known_calls(head)) or "; see the list of functions in the docs"
        self.refuse(node, f"'{full}' is not part of model text{hint}")


@dataclass(frozen=True)
class _Placed:
    """Gives errors raised inside the place of a node."""

    grammar: Grammar
    node: ast.AST

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DefinitionError) and not error.path:
            raise DefinitionError(self.grammar.place(self.node), error.message) from error


def _keywords(node: ast.Call) -> list[str]:
    return [keyword.arg for keyword in node.keywords if keyword.arg is not None]
