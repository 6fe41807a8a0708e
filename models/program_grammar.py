"""The allowlist of Pyro programs: one function, its statements and its calls, checked at once."""

import ast

from models.errors import DefinitionError
from models.functions import FUNCTIONS
from models.grammar import Grammar
from models.source import Place
from models.vocabulary import NAME, PROGRAM_MODULES

#: Arguments of the primitives: name -> (required, optional), in order.
PRIMITIVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pyro.sample": (("name", "fn"), ("obs", "infer")),
    "pyro.param": (("name", "init_tensor"), ("constraint",)),
    "pyro.deterministic": (("name", "value"), ()),
    "pyro.factor": (("name", "log_factor"), ()),
    "pyro.plate": (("name", "size"), ("dim",)),
}

#: What to write instead of a statement that is refused.
_INSTEAD: dict[type[ast.AST], str] = {
    ast.Import: "imports are not needed: torch, pyro and dist are known; remove the line",
    ast.ImportFrom: "imports are not needed: torch, pyro and dist are known; remove the line",
    ast.While: "`while` is not part of model text; write `for i in range(n):`",
    ast.Try: "`try` is not part of model text; remove it",
    ast.TryStar: "`try` is not part of model text; remove it",
    ast.FunctionDef: "a function inside the model; write its statements in place",
    ast.AsyncFunctionDef: "`async` is not part of model text; write `def model(...):`",
    ast.AsyncFor: "`async` is not part of model text; write `for i in range(n):`",
    ast.AsyncWith: "`async` is not part of model text; write `with pyro.plate(...):`",
    ast.ClassDef: "classes are not part of model text; write one function",
    ast.AnnAssign: "annotations are not part of model text; write `name = value`",
    ast.Global: "`global` is not part of model text; pass the value as data",
    ast.Nonlocal: "`nonlocal` is not part of model text; pass the value as data",
    ast.Delete: "`del` is not part of model text; remove the line",
    ast.Raise: "`raise` is not part of model text; remove the line",
    ast.Assert: "`assert` is not part of model text; remove the line",
    ast.Match: "`match` is not part of model text; write `if`",
    ast.Break: "`break` is not part of model text; write a range that ends in time",
    ast.Continue: "`continue` is not part of model text; write `if`",
}


def check_program(tree: ast.Module, place: Place) -> ast.FunctionDef:
    """Return the one function of a source, checked to its last line.

    Raises:
        DefinitionError: something is outside the allowlist; with line and column.
    """
    for statement in tree.body:
        if not isinstance(statement, ast.FunctionDef):
            message = _INSTEAD.get(type(statement), "only `def model(...):` may stand here")
            raise DefinitionError(place(statement), message)
    if len(tree.body) != 1:
        where = place(tree.body[1]) if tree.body else "line 1, column 1"
        raise DefinitionError(
            where, f"{len(tree.body)} functions; the source is one function: def model(...):"
        )
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    _check_signature(function, place)
    _Checker(function, place).block(_body(function))
    return function


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body


def _check_signature(function: ast.FunctionDef, place: Place) -> None:
    given = function.args
    if function.decorator_list:
        first = function.decorator_list[0]
        raise DefinitionError(place(first), "decorators are not part of model text; remove it")
    for default in [*given.defaults, *(d for d in given.kw_defaults if d is not None)]:
        raise DefinitionError(
            place(default), "default arguments are not part of model text; send the value as data"
        )
    if given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs:
        raise DefinitionError(place(function), "write plain arguments: def model(x, y):")
    if function.returns is not None:
        raise DefinitionError(
            place(function.returns), "annotations are not part of model text; remove it"
        )
    for argument in given.args:
        if argument.annotation is not None:
            raise DefinitionError(
                place(argument.annotation), "annotations are not part of model text; remove it"
            )
        _check_assigned(argument, argument.arg, place)
        if argument.arg in FUNCTIONS:
            raise DefinitionError(
                place(argument), f"'{argument.arg}' is a function's name; rename the argument"
            )


def _check_assigned(node: ast.AST, name: str, place: Place) -> None:
    if not NAME.fullmatch(name) or name.startswith("__"):
        raise DefinitionError(
            place(node),
            f"'{name[:70]}' is no name for a value; write up to 64 letters, digits and _, not "
            "beginning with __",
        )
    if name in PROGRAM_MODULES:
        raise DefinitionError(place(node), f"'{name}' is a module's name; choose another")


def _assigned(function: ast.FunctionDef) -> set[str]:
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return stored | {argument.arg for argument in function.args.args}


class _Checker:
    """Walks the statements in order, with the names that have a value so far."""

    def __init__(self, function: ast.FunctionDef, place: Place) -> None:
        self._place = place
        self._local = _assigned(function)
        self._defined = {argument.arg for argument in function.args.args}
        self._grammar = Grammar(place, self._read, self._local.__contains__, self._primitive)

    def block(self, statements: list[ast.stmt]) -> None:
        """Check statements in order."""
        for statement in statements:
            self._statement(statement)

    def _refuse(self, node: ast.AST, message: str) -> None:
        raise DefinitionError(self._place(node), message)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr():
                self._expression_statement(node)
            case ast.Assign():
                self._grammar.check(node.value)
                for target in node.targets:
                    self._target(target)
            case ast.AugAssign():
                self._augmented(node)
            case ast.For():
                self._for(node)
            case ast.If():
                self._grammar.check(node.test)
                self.block(node.body)
                self.block(node.orelse)
            case ast.With():
                self._with(node)
            case ast.Return():
                if node.value is not None:
                    self._grammar.check(node.value)
            case ast.Pass():
                pass
            case _:
                kind = type(node).__name__
                self._refuse(node, _INSTEAD.get(type(node), f"{kind} is not part of model text"))

    def _expression_statement(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self._grammar.check(node.value)

    def _target(self, node: ast.expr) -> None:
        match node:
            case ast.Name():
                _check_assigned(node, node.id, self._place)
                self._defined.add(node.id)
            case ast.Tuple() | ast.List():
                for part in node.elts:
                    self._target(part)
            case ast.Subscript():
                self._refuse(
                    node,
                    "an array is never changed in place; build it with stack, cat or where",
                )
            case _:
                self._refuse(node, "only names can be assigned")

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target)
        self._grammar.operator(node, node.op)
        self._grammar.check(node.value)
        self._target(node.target)

    def _for(self, node: ast.For) -> None:
        if node.orelse:
            self._refuse(
                node, "`else` of a loop is not part of model text; write it after the loop"
            )
        source = node.iter
        if not isinstance(source, ast.Call) or ast.unparse(source.func) not in (
            "range",
            "pyro.plate",
        ):
            self._refuse(source, "a loop runs over range(n); index inside it, as x[i]")
        assert isinstance(source, ast.Call)
        if isinstance(source.func, ast.Name):
            if source.keywords or not 1 <= len(source.args) <= 3:
                self._refuse(source, "range takes one to three integers")
            for argument in source.args:
                self._grammar.check(argument)
        else:
            self._grammar.check(source)
        self._target(node.target)
        self.block(node.body)

    def _with(self, node: ast.With) -> None:
        for item in node.items:
            self._grammar.check(item.context_expr)
            if not isinstance(item.context_expr, ast.Call | ast.Name):
                self._refuse(item.context_expr, "`with` takes pyro.plate(name, size)")
            if item.optional_vars is not None:
                self._target(item.optional_vars)
        self.block(node.body)

    def _read(self, node: ast.Name) -> None:
        if node.id in self._defined:
            return
        if node.id in self._local:
            self._refuse(node, f"the name '{node.id}' is used before it has a value")
        self._refuse(
            node, f"the name '{node.id}' is not known; make it an argument of the function"
        )

    def _primitive(self, name: str, node: ast.Call) -> bool:
        if name not in PRIMITIVES:
            return False
        required, optional = PRIMITIVES[name]
        keywords = [str(keyword.arg) for keyword in node.keywords]
        known = required + optional
        for keyword in keywords:
            if keyword not in known:
                self._refuse(
                    node, f"{name} has no argument '{keyword}'; it takes {', '.join(known)}"
                )
        given = list(known[: len(node.args)]) + keywords
        if len(node.args) > len(known) or len(set(given)) < len(given):
            self._refuse(node, f"{name} takes {', '.join(known)}, each once")
        if not set(required) <= set(given):
            self._refuse(node, f"{name} needs {' and '.join(required)}")
        for argument in node.args:
            self._grammar.check(argument)
        for item in node.keywords:
            if item.arg == "infer":
                self._infer(item.value)
            else:
                self._grammar.check(item.value)
        return True

    def _infer(self, node: ast.expr) -> None:
        fine = isinstance(node, ast.Dict) and all(
            isinstance(part, ast.Constant) and isinstance(part.value, str)
            for part in [*node.keys, *node.values]
        )
        if not fine:
            self._refuse(node, 'infer is written out: infer={"enumerate": "parallel"}')
