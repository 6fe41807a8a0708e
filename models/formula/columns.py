"""The columns of data that a formula names: numbers, or texts as levels and codes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.binding import did_you_mean
from models.data import load_data
from models.errors import DataError, DefinitionError
from models.formula.syntax import Name
from models.formula.tokens import refusal

Array = NDArray[Any]
#: A level of a factor.
Level = str | int | bool


@dataclass(frozen=True)
class Texts:
    """A column of texts."""

    #: `B`: an index into `levels` for every row.
    codes: Array
    #: Distinct, sorted by code point.
    levels: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """`(B,)`."""
        return self.codes.shape

    @property
    def dtype(self) -> str:
        """How a listing names it."""
        return "text"


#: A column as it comes: numbers, or texts.
Column = Array | Texts


def load_columns(raw: Mapping[str, Any], named: Iterable[Name]) -> dict[str, Column]:
    """Return the columns that a formula names; the others are ignored, whatever they hold.

    Args:
        raw: numbers and lists of numbers or texts by name, as JSON holds them; or loaded columns.
        named: where the formula names each.

    Raises:
        DefinitionError: one is not there; the path is its place in the formula.
        DataError: with the path to the first entry that cannot be used, as `data.x[3]`.
    """
    found: dict[str, Column] = {}
    for node in named:
        name = node.name
        if name not in raw:
            raise _missing(node, list(raw))
        value = raw[name]
        if isinstance(value, Texts):
            found[name] = value
        elif isinstance(value, list | tuple) and any(isinstance(entry, str) for entry in value):
            found[name] = _texts(value, f"data.{name}")
        else:
            found |= load_data({name: value})
    return found


def _missing(node: Name, known: list[str]) -> DefinitionError:
    listed = ", ".join(name[:64] for name in known[:20]) + (", ..." if len(known) > 20 else "")
    hint = did_you_mean(node.name, known) or ""
    have = f"{'' if hint else ';'} of those sent there are {listed}" if known else ""
    return refusal(node.column, f"the data have no column '{node.name}'{hint}{have}")


def _texts(values: Sequence[Any], path: str) -> Texts:
    for index, value in enumerate(values):
        if value is None:
            raise DataError(
                f"{path}[{index}]",
                "null; missing values are not supported: drop the row or impute it",
            )
        if not isinstance(value, str):
            raise DataError(
                f"{path}[{index}]",
                "a column holds texts or numbers, not both; write all entries as one or the other",
            )
    # Python sorts texts by code point.
    levels = sorted(set(values))
    index_of = {level: index for index, level in enumerate(levels)}
    codes = np.fromiter((index_of[value] for value in values), np.int64, len(values))
    return Texts(codes, tuple(levels))
