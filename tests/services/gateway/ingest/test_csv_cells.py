"""One column of CSV: its type, and the line of the first cell that has another."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import InvalidInputError
from tests.services.gateway.ingest.posting import read, shown


def column(folder: Path, *cells: str) -> tuple[str, list[object]]:
    return shown(read("csv", "\n".join(["y", *cells]).encode(), folder))["y"]


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", " -2 ", "+3", "007"], "int64", [1, -2, 3, 7]),
        (["9223372036854775807"], "int64", [2**63 - 1]),
        (["1", "2.", ".5", "1E-3"], "float64", [1.0, 2.0, 0.5, 0.001]),
        (["1.0", "99999999999999999999"], "float64", [1.0, 1e20]),
        (["true", "False", "TRUE"], "bool", [True, False, True]),
        (["b", "a", "b"], "text", ["b", "a", "b"]),
        (["NA", "b"], "text", ["NA", "b"]),
        (["0x10", "1_000"], "text", ["0x10", "1_000"]),
        (["true", "maybe"], "text", ["true", "maybe"]),
    ],
)
def test_types(tmp_path: Path, cells: list[str], dtype: str, values: list[object]) -> None:
    assert column(tmp_path, *cells) == (dtype, values)


def test_levels_are_sorted_by_code_point(tmp_path: Path) -> None:
    body = "g\nb\nB\nå\na\nz\nb\n".encode()
    found = read("csv", body, tmp_path)["g"]
    assert found.levels.to_pylist() == ["B", "a", "b", "z", "å"]
    assert found.values.tolist() == [2, 0, 4, 1, 3, 2]


@pytest.mark.parametrize(
    ("cells", "line", "sentence"),
    [
        (
            ["1", "two", "3"],
            3,
            "'two' is no number, in column 'y', which holds numbers from line 2",
        ),
        (["one", "2", "three"], 3, "'2' is a number, in column 'y', which holds text from line 2"),
        (["NA", "one", "2"], 4, "which holds text from line 3"),
        (["1", "NA"], 3, "'NA' is a missing value"),
        (["nan", "1.5"], 2, "'nan' is a missing value"),
        (["1", "inf", "x"], 3, "'inf' is a missing value"),
        (["1", '""', "3"], 3, "the cell is empty"),
        (["a", "  ", "b"], 3, "the cell is empty"),
        (["1", "9223372036854775808"], 3, "beyond 2\\^63 - 1"),
        (["1.5", "1e999"], 3, "does not fit a float64"),
    ],
)
def test_the_first_offender_is_named(
    tmp_path: Path, cells: list[str], line: int, sentence: str
) -> None:
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        column(tmp_path, *cells)
    assert caught.value.complaints[0].path == f"line {line}, column 1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_read_as_python_reads_them(tmp_path: Path, numbers: list[float]) -> None:
    _, values = column(tmp_path, *map(repr, numbers), "0.1")
    assert np.array(values).tobytes() == np.array([*numbers, 0.1]).tobytes()
