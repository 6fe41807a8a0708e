"""The text of a Pyro model: taken from a function or a file, without what only Python needs.

The service interprets a small language, so imports, comments, docstrings and annotations stay
behind. They are overwritten with spaces, so that a line and column in an answer are those of the
file.
"""

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from typing import Any

from services.client.errors import InputError

#: A stretch of the text: (line from 1, byte column from 0) up to the same, exclusive.
Span = tuple[tuple[int, int], tuple[int, int]]


def function_source(function: Callable[..., Any]) -> str:
    """Return the text of a model function, ready to be posted.

    Args:
        function: a function defined with `def` in a file or notebook.

    Raises:
        InputError: the function is a lambda, is decorated, or its text cannot be found.
    """
    name = getattr(function, "__name__", repr(function))
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError) as error:
        raise InputError("model", f"the text of {name} cannot be found ({error})") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise InputError("model", f"{name} is no plain function; write it with `def`")
    return plain_source(text)


def plain_source(text: str) -> str:
    """Return a model's text with imports, comments, docstrings and annotations blanked out.

    Text that does not parse, before or after, comes back as it is: the service says where the
    mistake is.

    Raises:
        InputError: a function is decorated.
    """
    text = text.replace("\r\n", "\n")
    try:
        lines = [bytearray(line.encode()) for line in text.split("\n")]
        for span in [*_of_tree(ast.parse(text)), *_of_tokens(text)]:
            _blank(lines, span)
        plain = "\n".join(line.decode().rstrip() for line in lines).rstrip() + "\n"
        ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        return text
    return plain


def _blank(lines: list[bytearray], span: Span) -> None:
    (first, start), (last, stop) = span
    for number in range(first, last + 1):
        line = lines[number - 1]
        begin = start if number == first else 0
        end = stop if number == last else len(line)
        line[begin:end] = b" " * (end - begin)


def _of_tokens(text: str) -> Iterator[Span]:
    """Yield what the tree does not hold: comments and the arrows of return annotations."""
    lines = text.split("\n")

    def position(point: tuple[int, int]) -> tuple[int, int]:
        line, column = point
        return line, len(lines[line - 1][:column].encode())

    arrow, depth = None, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield position(token.start), position(token.end)
        elif token.string == "->":
            arrow, depth = token.start, 0
        elif arrow is not None and token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == ":" and depth == 0:
                yield position(arrow), position(token.start)
                arrow = None


def _of_tree(tree: ast.Module) -> Iterator[Span]:
    """Yield imports, docstrings and the annotations of arguments and variables."""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield _start(node), _end(node)
            case ast.Module():
                yield from _docstring(node)
            case ast.FunctionDef():
                _refuse_decorators(node)
                yield from _docstring(node)
            case ast.arg(annotation=ast.expr() as annotation):
                line, column = _start(node)
                yield (line, column + len(node.arg.encode())), _end(annotation)
            case ast.AnnAssign(value=ast.expr()):
                yield _end(node.target), _end(node.annotation)


def _refuse_decorators(node: ast.FunctionDef) -> None:
    if node.decorator_list:
        line = node.decorator_list[0].lineno
        raise InputError(f"line {line}", f"{node.name} is decorated; take the decorator away")


def _docstring(node: ast.Module | ast.FunctionDef) -> Iterator[Span]:
    first = node.body[0] if node.body else None
    match first:
        case ast.Expr(value=ast.Constant(value=str())):
            yield _start(first), _end(first)


def _start(node: ast.stmt | ast.expr | ast.arg) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.stmt | ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset
