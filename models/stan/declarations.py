"""What the blocks of a Stan program declare: names, and supports in our words.

Reads what the compiler has accepted, so nothing is checked twice. Only declarations at the top of
a block are read; these are the ones that a program reports.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAMES = (
    "int|real|complex|vector|row_vector|matrix|complex_vector|complex_row_vector|complex_matrix|"
    "simplex|unit_vector|ordered|positive_ordered|sum_to_zero_vector|sum_to_zero_matrix|"
    "cov_matrix|corr_matrix|cholesky_factor_cov|cholesky_factor_corr|"
    "column_stochastic_matrix|row_stochastic_matrix|tuple"
)
_ARRAY = re.compile(r"array\s*(?=\[)")
_HEAD = re.compile(rf"({_NAMES})\b")
_NAME = re.compile(r"\s*([A-Za-z]\w*)")
_OPEN, _CLOSED = "([{", ")]}"
#: The supports of types that have one of their own, by Pyro's names where it has one.
_SUPPORTS = {
    "simplex": "simplex",
    "unit_vector": "sphere",
    "ordered": "ordered_vector",
    "positive_ordered": "positive_ordered_vector",
    "sum_to_zero_vector": "zero_sum",
    "sum_to_zero_matrix": "zero_sum",
    "cov_matrix": "positive_definite",
    "corr_matrix": "corr_matrix",
    "cholesky_factor_cov": "lower_cholesky",
    "cholesky_factor_corr": "corr_cholesky",
    "column_stochastic_matrix": "column_stochastic",
    "row_stochastic_matrix": "row_stochastic",
}


@dataclass(frozen=True)
class Declaration:
    """One declared name."""

    name: str
    #: As written: `vector`, `cov_matrix`, ...
    type: str
    #: `real`, `positive`, `interval(0, 2)`, `simplex`, ...; bounds as written.
    support: str


def declarations(block: str) -> tuple[Declaration, ...]:
    """Return what a block without comments declares, in order."""
    return tuple(found for statement in _statements(block) for found in _declared(statement))


def _statements(block: str) -> Iterator[str]:
    """Yield the statements at the top of a block; those with a body in braces lose their end."""
    start = depth = 0
    # Of the statement at hand, asked once: it may have a hundred thousand lists in braces.
    declares: bool | None = None
    for i, letter in enumerate(block):
        if letter in _OPEN:
            depth += 1
        elif letter in _CLOSED:
            depth -= 1
        over = letter == ";" and depth == 0
        # A loop or a condition ends with its braces; a list of numbers in braces does not.
        if letter == "}" and depth == 0:
            if declares is None:
                declares = _is_declaration(block[start : i + 1])
            over = not declares
        if over:
            yield block[start:i]
            start, declares = i + 1, None


def _is_declaration(statement: str) -> bool:
    return next(_declared(statement), None) is not None


def _declared(statement: str) -> Iterator[Declaration]:
    rest = statement.strip()
    if (array := _ARRAY.match(rest)) is not None:
        rest = rest[_end(rest, array.end()) :].strip()
    head = _HEAD.match(rest)
    if head is None:
        return
    rest, constraint = rest[head.end() :].strip(), ""
    if rest.startswith("("):
        rest = rest[_end(rest, 0) :].strip()
    if rest.startswith("<"):
        closed = _end(rest, 0, ">")
        constraint, rest = rest[1 : closed - 1], rest[closed:].strip()
    if rest.startswith("["):
        rest = rest[_end(rest, 0) :]
    for part in _parts(rest):
        name = _NAME.match(part)
        if name is not None:
            yield Declaration(name[1], head[1], _support(head[1], constraint))


def _end(text: str, opened: int, closing: str = "") -> int:
    """Return where what opens there has ended: one past its bracket, or past `closing`."""
    depth = 0
    for i in range(opened, len(text)):
        if text[i] in _OPEN:
            depth += 1
        elif text[i] in _CLOSED:
            depth -= 1
        if depth == 0 and (text[i] == closing if closing else text[i] in _CLOSED):
            return i + 1
    return len(text)


def _parts(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts: list[str] = []
    start = depth = 0
    for i, letter in enumerate(text):
        depth += (letter in _OPEN) - (letter in _CLOSED)
        if letter == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _support(type_: str, constraint: str) -> str:
    if type_ in _SUPPORTS:
        return _SUPPORTS[type_]
    bounds = {}
    for part in _parts(constraint):
        word, _, value = part.partition("=")
        bounds[word.strip()] = " ".join(value.split())
    match bounds.get("lower"), bounds.get("upper"):
        case None, None:
            return "real"
        case "0", None:
            return "positive"
        case lower, None:
            return f"greater_than({lower})"
        case None, upper:
            return f"less_than({upper})"
        case "0", "1":
            return "unit_interval"
        case lower, upper:
            return f"interval({lower}, {upper})"
