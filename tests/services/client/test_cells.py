"""Cells of a column: one type for all."""

from typing import Any

import pytest

from services.client.cells import read_cells
from services.client.errors import InputError


def where(row: int) -> str:
    return f"row {row}"


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "+2", "-3"], [1, 2, -3]),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        (["true", "False"], [True, False]),
        (["a", "true"], ["a", "true"]),
    ],
)
def test_a_column_has_one_type(texts: list[str], values: list[Any]) -> None:
    found = read_cells(texts, where, with_texts=True)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", ""], "row 1: '': missing values"),
        (["NA", "a"], "row 0: 'NA': missing values"),
        (["1", "b"], "row 1: 'b' is no number"),
        (["a", "1"], "row 0: 'a' is no number"),
    ],
)
def test_a_cell_that_is_missing_or_unlike_the_others(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_cells(texts, where, with_texts=True)


def test_texts_are_for_those_who_can_use_them() -> None:
    with pytest.raises(InputError, match="'a' is no number"):
        read_cells(["a"], where, with_texts=False)
