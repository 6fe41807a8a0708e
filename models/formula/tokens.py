"""The words of a formula: ASCII names, numbers and operators, each with its column."""

import enum
import re
from dataclasses import dataclass

from models.errors import DefinitionError

#: Characters of one formula.
MAX_LENGTH = 10_000
_NAME_LENGTH = 64
_DIGITS = 18

_WORD = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+(\.[0-9]+)?)"
    r"|(?P<operator>\*\*|\|\||[-+*/:|~(),=])",
    re.ASCII,
)

#: What to write instead of a character that is outside the language.
_INSTEAD = {
    ".": "attributes and names with dots are not part of the language; rename the column",
    "`": "quoted names are not part of the language; rename the column",
    "{": "write `I(...)` for arithmetic",
    "}": "write `I(...)` for arithmetic",
    "[": "indexing is not part of the language; name the level's column",
    "]": "indexing is not part of the language; name the level's column",
    '"': "text is not part of the language; order levels with `levels`",
    "'": "text is not part of the language; order levels with `levels`",
    "^": "write `**`",
    "%": "write `/` for nesting",
    "<": "comparisons are not part of the language; add a column",
    ">": "comparisons are not part of the language; add a column",
    "!": "comparisons are not part of the language; add a column",
}


class Kind(enum.StrEnum):
    """What a token is."""

    NAME = "name"
    NUMBER = "number"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True)
class Token:
    """A word and where it begins, counted from 1."""

    kind: Kind
    text: str
    column: int


def refusal(column: int, message: str) -> DefinitionError:
    """Return the complaint about what stands at a column of the formula."""
    return DefinitionError(place(column), message)


def place(column: int) -> str:
    """Return the path of a column of the formula."""
    return f"formula, column {column}"


def tokens(text: str) -> list[Token]:
    """Return the words of a formula, the end last.

    Raises:
        DefinitionError: a character or a name is outside the language, or there are too many.
    """
    if len(text) > MAX_LENGTH:
        raise refusal(MAX_LENGTH + 1, f"more than {MAX_LENGTH} characters; shorten the formula")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise _unknown(text[at], at + 1)
        if match.lastgroup != "space":
            found.append(_token(str(match.lastgroup), match.group(), at + 1))
        at = match.end()
    return [*found, Token(Kind.END, "", len(text) + 1)]


def _token(group: str, text: str, column: int) -> Token:
    token = Token(Kind(group), text, column)
    if token.kind is Kind.NAME and text.startswith("__"):
        raise refusal(column, f"{text[:40]!r}: names with two leading underscores are not allowed")
    if token.kind is Kind.NAME and len(text) > _NAME_LENGTH:
        raise refusal(column, f"a name has at most {_NAME_LENGTH} characters; rename the column")
    if token.kind is Kind.NUMBER and len(text) > _DIGITS:
        raise refusal(column, f"a number has at most {_DIGITS} digits; round it")
    return token


def _unknown(character: str, column: int) -> DefinitionError:
    shown = character if character.isascii() and character.isprintable() else ascii(character)
    hint = _INSTEAD.get(character)
    if hint is None:
        hint = "write names of ASCII letters, digits and _, and the operators ~ + - * : / ** | ( )"
    return refusal(column, f"unexpected {shown}: {hint}")
