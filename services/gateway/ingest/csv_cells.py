"""Cells: one column of a CSV file, from texts to numbers, booleans or levels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.errors import InvalidInputError
from services.gateway.ingest.caps import refusal
from services.gateway.ingest.texts import text_column
from workers.columns import Column

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_BOOLEANS = pa.array(["true", "false"], pa.large_string())
#: What people and programs write where there is no number.
_MISSING = pa.array(
    ["na", "n/a", "nan", "null", "none", "nil", ".", "inf", "+inf", "-inf", "infinity"],
    pa.large_string(),
)


class Cells:
    """The cells of one column under its name."""

    def __init__(self, name: str, number: int, raw: Any, lines: Sequence[int]) -> None:
        """Take a column.

        Args:
            name: its name.
            number: its place, from 1.
            raw: texts, an Arrow chunked array.
            lines: the line of every row.
        """
        self._name = name
        self._number = number
        self._raw = raw
        self._texts = pc.utf8_trim_whitespace(raw)
        self._lines = lines

    def column(self) -> Column:
        """Return the column, in the one type that all its cells have.

        Raises:
            InvalidInputError: a cell is empty, or of another type than the first.
        """
        empty = pc.equal(self._texts, "")
        if pc.any(empty).as_py():
            raise self._refusal(
                _first(empty),
                "the cell is empty; missing values are not supported: drop the row or fill it",
            )
        if pc.all(pc.match_substring_regex(self._texts, _INTEGER)).as_py():
            return Column(name=self._name, values=self._integers())
        numbers = pc.match_substring_regex(self._texts, _NUMBER)
        if pc.all(numbers).as_py():
            return Column(name=self._name, values=self._reals())
        lowered = pc.utf8_lower(self._texts)
        if pc.all(pc.is_in(lowered, value_set=_BOOLEANS)).as_py():
            return Column(name=self._name, values=pc.equal(lowered, "true").to_numpy())
        self._refuse_mixture(_flags(numbers), _flags(pc.is_in(lowered, value_set=_MISSING)))
        cells = self._raw.combine_chunks().dictionary_encode()
        return text_column(self._name, cells.indices.to_numpy(), cells.dictionary)

    def _integers(self) -> Any:
        plain = pc.utf8_ltrim(self._texts, "+")
        try:
            return pc.cast(plain, pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            row = next(i for i, t in enumerate(plain) if not -(2**63) < int(t.as_py()) < 2**63)
        raise self._refusal(
            row, "the integer is beyond 2^63 - 1; write it as a real number, such as 1e19"
        )

    def _reals(self) -> Any:
        values = pc.cast(pc.utf8_ltrim(self._texts, "+"), pa.float64()).to_numpy()
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise self._refusal(int(wrong.argmax()), "the number does not fit a float64")
        return values

    def _refuse_mixture(self, numbers: Any, missing: Any) -> None:
        """Refuse a column that has both numbers and texts, at the first cell that is unlike."""
        if not numbers.any():
            return
        # What stands for a missing value does not tell the type of a column.
        known = ~missing
        first = int(known.argmax())
        where = f"column {self._name!r}, which holds"
        if numbers[first]:
            row = int((~numbers).argmax())
            text = _short(self._texts[row].as_py())
            if missing[row]:
                raise self._refusal(
                    row,
                    f"{text} is a missing value, which is not supported: drop the row or fill it",
                )
            since = f"numbers from line {self._lines[first]} on"
            raise self._refusal(row, f"{text} is no number, in {where} {since}; write a number")
        row = int(numbers.argmax())
        text = _short(self._texts[row].as_py())
        raise self._refusal(
            row,
            f"{text} is a number, in {where} text from line {self._lines[first]} on; write every "
            "cell as a number, or every cell as text that is no number",
        )

    def _refusal(self, row: int, message: str) -> InvalidInputError:
        return refusal(f"line {self._lines[row]}, column {self._number}", message)


def _flags(mask: Any) -> Any:
    return mask.to_numpy()


def _first(mask: Any) -> int:
    return int(_flags(mask).argmax())


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
