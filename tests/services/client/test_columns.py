"""CSV: a header, then numbers; mistakes with their line and column."""

from pathlib import Path

import pytest

from services.client.columns import read_columns
from services.client.errors import InputError


def columns(tmp_path: Path, text: str) -> dict[str, list[int] | list[float]]:
    path = tmp_path / "data.csv"
    path.write_text(text)
    return read_columns(path)


def test_integers_stay_integers_column_by_column(tmp_path: Path) -> None:
    read = columns(tmp_path, 'group, y ,"z"\n1,-2,1e3\n\n+2,0.5,7\n')
    assert read == {"group": [1, 2], "y": [-2.0, 0.5], "z": [1000.0, 7.0]}
    assert {type(v) for v in read["group"]} == {int}
    assert {type(v) for name in "yz" for v in read[name]} == {float}


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_it(tmp_path: Path) -> None:
    assert columns(tmp_path, "\ufeffx,y\r\n1,2\r\n") == {"x": [1], "y": [2]}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "data.csv: write a header row"),
        ("x,y\n", "data.csv: write a header row"),
        ("x,y\n1,2\n3\n", "line 3: 1 entries under 2 names"),
        ("x,\n1,2\n", "line 1, column 2: the header has no name here"),
        ("x,x\n1,2\n", "line 1, column 2: the name 'x' occurs twice"),
        ("x,y\n1,2\n3,four\n", "line 3, column 2: 'four' is no number"),
        ("x,y\n1,2\n3,\n", "line 3, column 2: '' is no number"),
        ("x\n1\nNA\n", "line 3, column 1: 'NA' is no number"),
        ("x\n1.5\nnan\n", "line 3, column 1: 'nan' is no finite number"),
        ("x\n1.5\ninf\n", "line 3, column 1: 'inf' is no finite number"),
        ("x\n1_000\n", "line 2, column 1: '1_000' is no finite number"),
        ('x\n"1\n', "line 2: this is no CSV"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        columns(tmp_path, text)
    assert where in str(caught.value)
