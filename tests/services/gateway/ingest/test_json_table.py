"""JSON: named arrays of any shape, numbers or texts."""

from pathlib import Path

import pytest

from models.errors import ModelError, TooLargeError
from services.errors import InvalidInputError, MalformedJsonError
from services.gateway.ingest.caps import Caps
from tests.services.gateway.ingest.posting import read, shown


def test_arrays_of_any_shape(tmp_path: Path) -> None:
    body = b'{"y": [1, 2], "N": 3, "X": [[1.5, 2], [3, 4]], "g": ["b", "a", "b"], "t": [true]}'
    assert shown(read("json", body, tmp_path)) == {
        "y": ("int64", [1, 2]),
        "N": ("int64", 3),
        "X": ("float64", [[1.5, 2.0], [3.0, 4.0]]),
        "g": ("text", ["b", "a", "b"]),
        "t": ("bool", [True]),
    }


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"y": [1, null]}', "y[1]"),
        (b'{"y": [1, "a"]}', "y[1]"),
        (b'{"y": ["a", 1]}', "y[1]"),
        (b'{"y": ["a", null]}', "y[1]"),
        (b'{"y": "a"}', "y"),
        (b'{"y": {"a": 1}}', "y"),
        (b'{"a b": [[1], [1, 2]]}', '["a b"][1]'),
        (b'{"y": []}', "y"),
        (b'{"y": [1, NaN]}', "y[1]"),
        (b'{"y": 1, "y": 2}', "y"),
        (b'{"": 1}', '[""]'),
        (b"{}", "body"),
        (b"[1, 2]", "body"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, body: bytes, path: str) -> None:
    with pytest.raises((ModelError, InvalidInputError)) as caught:
        read("json", body, tmp_path)
    error = caught.value
    assert path == (error.path if isinstance(error, ModelError) else error.complaints[0].path)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100 + b"]" * 100])
def test_what_is_no_json_is_malformed(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        read("json", body, tmp_path)


def test_limits(tmp_path: Path) -> None:
    body = b'{"y": [1, 2], "x": [1, 2]}'
    read("json", body, tmp_path, Caps(columns=2, bytes=32))
    for caps in (Caps(columns=1, bytes=32), Caps(columns=2, bytes=31)):
        with pytest.raises(TooLargeError):
            read("json", body, tmp_path, caps)
