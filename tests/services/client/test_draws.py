"""Columns become arrays of chains x draws x shape."""

import io

import numpy as np
import pyarrow as pa
import pytest

from services.client.draws import arrays, entry


def content(table: pa.Table, file: bool) -> bytes:
    sink = io.BytesIO()
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


@pytest.mark.parametrize("file", [True, False])
def test_draws_take_their_shape_back(file: bool) -> None:
    chain, draw = np.divmod(np.arange(6), 3)
    order = np.random.default_rng(1).permutation(6)
    corr = np.arange(6.0)[:, None, None] + np.arange(6.0).reshape(2, 3) / 10
    columns = {"chain": chain, "draw": draw, "mu": np.arange(6.0)}
    columns |= {f"L[{i},{j}]": corr[:, i, j] for i in range(2) for j in range(3)}
    table = pa.table({name: values[order] for name, values in columns.items()})

    read = arrays(content(table, file))

    assert list(read) == ["mu", "L"]
    assert np.array_equal(read["mu"], np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read["L"], corr.reshape(2, 3, 2, 3))


def test_a_chain_that_was_cut_off_ends_in_nan() -> None:
    table = pa.table({"chain": [0, 0, 1], "draw": [0, 1, 0], "x[0]": [1.0, 2.0, 3.0]})
    expected = np.array([[[1.0], [2.0]], [[3.0], [np.nan]]])
    assert np.array_equal(arrays(content(table, True))["x"], expected, equal_nan=True)


def test_no_draws_are_empty_arrays() -> None:
    empty = pa.table({"chain": pa.array([], pa.int64()), "draw": pa.array([], pa.int64())})
    table = empty.append_column("x[1]", pa.array([], pa.float64()))
    assert arrays(content(table, False))["x"].shape == (0, 0, 2)


def test_entries_are_read_from_column_names() -> None:
    assert entry("mu") == ("mu", ())
    assert entry("theta[3]") == ("theta", (3,))
    assert entry("L[0,12]") == ("L", (0, 12))
