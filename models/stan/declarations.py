"""What the blocks of a Stan program declare: names, and supports in our words.

Reads what the compiler has accepted, so nothing is checked twice. Only declarations at the top of
a block are read; these are the ones that a program reports.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

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
#: What holds the entries of types that only constrain them, with the number of its sizes.
_PLAIN = {
    "simplex": ("vector", 1),
    "unit_vector": ("vector", 1),
    "ordered": ("vector", 1),
    "positive_ordered": ("vector", 1),
    "sum_to_zero_vector": ("vector", 1),
    "sum_to_zero_matrix": ("matrix", 2),
    "cov_matrix": ("matrix", 2),
    "corr_matrix": ("matrix", 2),
    "cholesky_factor_cov": ("matrix", 2),
    "cholesky_factor_corr": ("matrix", 2),
    "column_stochastic_matrix": ("matrix", 2),
    "row_stochastic_matrix": ("matrix", 2),
}
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


class _Written(NamedTuple):
    """A declaration as it is written: `array[2] vector<lower=0>[3] a, b`."""

    #: With its sizes: `array[2]`; empty where it is none.
    array: str
    type: str
    #: Between its brackets: `lower=0`.
    constraint: str
    #: Without their brackets: `3`.
    sizes: str
    names: str


def declarations(block: str) -> tuple[Declaration, ...]:
    """Return what a block without comments declares, in order."""
    return tuple(found for statement in _statements(block) for found in _declared(statement))


def unconstrained(block: str) -> str:
    """Return the block with the same names and shapes, whose entries may be any numbers.

    Args:
        block: `parameters`, without comments: declarations alone.
    """
    found = (_taken_apart(statement) for statement in _statements(block))
    return "".join(_plainly(written) for written in found if written is not None)


def _plainly(written: _Written) -> str:
    kind, rank = _PLAIN.get(written.type, (written.type, 0))
    # A square matrix is declared by one size.
    square = rank == 2 and len(_parts(written.sizes)) == 1
    sizes = f"{written.sizes}, {written.sizes}" if square else written.sizes
    brackets = f"[{sizes}]" if sizes else ""
    return f"{written.array} {kind}{brackets} {written.names.strip()};\n".lstrip()


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
    written = _taken_apart(statement)
    if written is None:
        return
    for part in _parts(written.names):
        name = _NAME.match(part)
        if name is not None:
            support = _support(written.type, written.constraint)
            yield Declaration(name[1], written.type, support)


def _taken_apart(statement: str) -> _Written | None:
    """Return the parts of a declaration; None of any other statement."""
    rest, dimensions = statement.strip(), ""
    if (array := _ARRAY.match(rest)) is not None:
        end = _end(rest, array.end())
        dimensions, rest = rest[:end], rest[end:].strip()
    head = _HEAD.match(rest)
    if head is None:
        return None
    rest, constraint, sizes = rest[head.end() :].strip(), "", ""
    if rest.startswith("("):
        rest = rest[_end(rest, 0) :].strip()
    if rest.startswith("<"):
        closed = _end(rest, 0, ">")
        constraint, rest = rest[1 : closed - 1], rest[closed:].strip()
    if rest.startswith("["):
        closed = _end(rest, 0)
        sizes, rest = rest[1 : closed - 1], rest[closed:]
    return _Written(dimensions, head[1], constraint, sizes, rest)


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
