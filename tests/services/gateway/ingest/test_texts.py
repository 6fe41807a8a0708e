"""Texts into codes and levels."""

import numpy as np
import pyarrow as pa

from services.gateway.ingest.texts import text_column


def test_levels_are_sorted_in_use_and_there_once() -> None:
    texts = pa.array(["b", "unused", "a", "b"])
    found = text_column("g", np.array([0, 2, 3, 0]), texts)
    assert found.levels.to_pylist() == ["a", "b"]
    assert found.levels.type == pa.large_string()
    assert found.values.tolist() == [1, 0, 1, 1]
    assert found.values.dtype == np.int64
