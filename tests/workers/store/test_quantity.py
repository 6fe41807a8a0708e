"""Quantities as columns."""

import pytest

from workers.store.quantity import Quantity, read_schema, schema_of


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        ((), ["x"]),
        ((2,), ["x[0]", "x[1]"]),
        ((1, 2), ["x[0,0]", "x[0,1]"]),
        ((1, 1, 2), ["x[0,0,0]", "x[0,0,1]"]),
        ((0,), []),
    ],
)
def test_one_column_per_entry_in_row_order(shape: tuple[int, ...], columns: list[str]) -> None:
    quantity = Quantity("x", shape)
    assert quantity.columns() == columns
    assert quantity.size == len(columns)


def test_a_schema_tells_names_shapes_and_chains() -> None:
    quantities = (Quantity("mu", ()), Quantity("theta", (2, 3)))
    schema = schema_of(quantities, 4)
    assert schema.names[:4] == ["chain", "draw", "mu", "theta[0,0]"]
    assert read_schema(schema) == (quantities, 4)
