"""The strict loader against everything that Python's own parser lets pass."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidInputError, MalformedJsonError
from services.gateway.json import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_KEYS,
    canonical,
    join,
    load,
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"y": [1, 2.5, -3e2], "s": "\\u00e9\\"[[["}', {"y": [1, 2.5, -300.0], "s": 'é"[[['}),
        (b"[true, false, null]", [True, False, None]),
        (b"9223372036854775807", 2**63 - 1),
        (b'{"a": "\\\\u0000 is no NUL"}', {"a": "\\u0000 is no NUL"}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_json_is_read(body: bytes, value: object) -> None:
    found = load(body)
    if value is not None:
        assert found == value


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"data": {"y": [1, 2, 3, NaN]}}', ["data.y[3]"]),
        (b'{"data": {"y": [[1, Infinity], [-Infinity, 1]]}}', ["data.y[0][1]", "data.y[1][0]"]),
        (b'{"data": {"y": 1e999}}', ["data.y"]),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', ["b.c"]),
        (b'{"a b": [-1e999]}', ['["a b"][0]']),
        (b'{"s": "x\\u0000y"}', ["s"]),
        (b'{"s": ["\\ud800"]}', ["s[0]"]),
        (b'{"\\udfff": 1}', ['["?"]']),
        (b"NaN", ["body"]),
        (b'"\\u0000"', ["body"]),
    ],
)
def test_values_that_are_refused_have_paths(body: bytes, paths: list[str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(body)
    assert [c.path for c in caught.value.complaints] == paths


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'"open', "Unterminated"),
        (b'"\\', "Unterminated"),
        (b"\xff\xfe", "UTF-8"),
        (b"1" * 5000, "4 300 digits"),
        (b"[" * 10_000 + b"]" * 10_000, "10000 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "65 levels"),
        (rb'["\\\"[[[", "\\"' + b"[" * 70, "71 levels"),
        (b"[" + b"[]," * (MAX_CONTAINERS + 1) + b"1]", "arrays and objects"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(MalformedJsonError, match=says):
        load(body)


@pytest.mark.parametrize("piece", [rb'"\"', b"[[", b'"[]",', b"\\", b'\\"', b"{}", b'"'])
def test_no_body_makes_the_scan_slow(piece: bytes) -> None:
    body = piece * (2**23 // len(piece))
    began = time.perf_counter()
    with pytest.raises(MalformedJsonError):
        load(body)
    assert time.perf_counter() - began < 3.0


def test_many_mistakes_are_cut_short() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(b"[" + b"NaN," * 1000 + b"1]")
    assert len(caught.value.complaints) == 20


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=_VALUES)
def test_canonical_json_is_read_back(value: object) -> None:
    assert load(canonical(value)) == value


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60) | st.text('[]{}",:\\u0d81eN-na .', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(MalformedJsonError, InvalidInputError):
        load(body)


@pytest.mark.parametrize(
    ("path", "key", "joined"),
    [("", "data", "data"), ("data", "y", "data.y"), ("y", 3, "y[3]"), ("y", "a b", 'y["a b"]')],
)
def test_paths_are_joined(path: str, key: str | int, joined: str) -> None:
    assert join(path, key) == joined


def test_a_key_as_long_as_the_body_is_cut() -> None:
    key = b"a" * 2_000_000
    body = b'{"' + key + b'": [' + b", ".join([b"NaN"] * 20) + b"]}"
    with pytest.raises(InvalidInputError) as caught:
        load(body)
    assert caught.value.complaints[1].path == f'["{"a" * 64}"][1]'
    assert sum(len(c.path) for c in caught.value.complaints) < 20 * 100


def test_an_object_of_too_many_keys_is_refused_where_it_stands() -> None:
    keys = ", ".join(f'"a{i}": 1' for i in range(MAX_KEYS + 1))
    with pytest.raises(InvalidInputError, match="20001 keys; at most 20000") as caught:
        load(f'{{"engine": {{{keys}}}}}'.encode())
    assert [c.path for c in caught.value.complaints] == ["engine"]
    assert len(load(f"{{{keys.partition(', ')[2]}}}".encode())) == MAX_KEYS
