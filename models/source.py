"""Text to syntax tree, with every way in which parsing can fail turned into a `DefinitionError`.

Nothing here looks at what the text means; `models/grammar.py` does.
"""

import ast
import io
import threading
import tokenize
import warnings
from collections.abc import Callable
from typing import Literal

from models.errors import DefinitionError

#: Where a node of a syntax tree stands, for a person: a path, or a line and a column.
Place = Callable[[ast.AST], str]

MAX_SOURCE_BYTES = 64 * 1024
MAX_EXPRESSION_CHARACTERS = 10_000
#: Nesting of the syntax tree; far below where Python's own recursion ends.
MAX_DEPTH = 100
MAX_NODES = 50_000

_WARNINGS_ARE_PROCESS_WIDE = threading.Lock()


def parse_expression(text: str, path: str) -> ast.expr:
    """Return the syntax tree of one expression.

    Args:
        text: the expression.
        path: where it stands in the definition.

    Raises:
        DefinitionError: it is too long, malformed or nested too deep.
    """
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        raise DefinitionError(
            path,
            f"an expression of {len(text)} characters; the limit is {MAX_EXPRESSION_CHARACTERS}: "
            "split it into several sites with `value`",
        )
    if not text.strip():
        raise DefinitionError(path, "an empty expression; write a number, a name or a formula")
    # Surrounding blanks would be an indentation error, and a line break ends an expression.
    flat = text.strip().replace("\n", " ")
    tree = _parse(flat, "eval", lambda line, column: path)
    _check_tokens(flat, lambda line, column: path)
    assert isinstance(tree, ast.Expression)
    _check_size(tree, lambda node: path)
    return tree.body


def parse_source(text: str) -> tuple[ast.Module, Place]:
    """Return the syntax tree of a source, and the function that says where a node stands.

    Raises:
        DefinitionError: it is too long, malformed or nested too deep, with line and column.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        raise DefinitionError(
            "model.source", f"a source of {size} bytes; the limit is {MAX_SOURCE_BYTES}"
        )
    tree = _parse(text, "exec", _position)
    place = _placer(text)
    _check_tokens(text, _position)
    assert isinstance(tree, ast.Module)
    _check_size(tree, place)
    return tree, place


def _position(line: int, column: int) -> str:
    return f"line {max(line, 1)}, column {max(column, 1)}"


def _placer(text: str) -> Place:
    lines = text.encode("utf-8", "surrogatepass").splitlines()

    def place(node: ast.AST) -> str:
        number = getattr(node, "lineno", 1)
        offset = getattr(node, "col_offset", 0)
        # Python counts columns in bytes; people count characters.
        before = lines[number - 1][:offset] if number <= len(lines) else b""
        return _position(number, len(before.decode("utf-8", "replace")) + 1)

    return place


def _parse(
    text: str, mode: Literal["eval", "exec"], position: Callable[[int, int], str]
) -> ast.AST:
    null = text.find("\0")
    if null >= 0:
        line = text.count("\n", 0, null) + 1
        column = null - text.rfind("\n", 0, null)
        raise DefinitionError(position(line, column), "a NUL byte in the text; remove it")
    try:
        # Python warns of odd escapes and literals in the text; the text is not ours to warn about.
        with _WARNINGS_ARE_PROCESS_WIDE, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode=mode)
    except SyntaxError as error:
        where = position(error.lineno or 1, error.offset or 1)
        raise DefinitionError(where, f"syntax error: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise DefinitionError(
            position(1, 1), "nested too deep to be read; split it into several steps"
        ) from error
    except ValueError as error:
        raise DefinitionError(position(1, 1), f"cannot be read as text: {error}") from error


def _check_tokens(text: str, position: Callable[[int, int], str]) -> None:
    """Refuse letters that look like others: Python folds `ｅxp` into `exp` without a word."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            named = token.type in (tokenize.NAME, tokenize.ERRORTOKEN, tokenize.NUMBER)
            if named and not token.string.isascii():
                line, column = token.start
                raise DefinitionError(
                    position(line, column + 1),
                    f"the name {token.string[:40]!r} has letters other than A-Z, a-z, 0-9 and _; "
                    "write it with those",
                )
    except (tokenize.TokenError, SyntaxError, RecursionError) as error:
        raise DefinitionError(position(1, 1), "cannot be read as Python text") from error


def _check_size(tree: ast.AST, place: Place) -> None:
    level: list[ast.AST] = [tree]
    depth, nodes = 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH:
            raise DefinitionError(
                place(level[0]),
                f"nested deeper than {MAX_DEPTH} levels; split it into several steps",
            )
        if nodes > MAX_NODES:
            raise DefinitionError(place(level[0]), "too many operations in one text; split it")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
