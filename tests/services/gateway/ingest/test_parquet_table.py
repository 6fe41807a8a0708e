"""Parquet that decodes to far more than it is, or lies about it, or is broken."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.errors import TooLargeError
from services.errors import InvalidInputError
from services.gateway.ingest.caps import Caps
from tests.services.gateway.ingest.posting import overlapping, parquet, read, texts


def varint(number: int, length: int = 0) -> bytes:
    """Return a zigzag varint of Thrift's compact protocol, padded to a length."""
    number *= 2
    groups = []
    while number or len(groups) < max(1, length):
        groups.append(number & 0x7F)
        number >>= 7
    return bytes(g | 0x80 for g in groups[:-1]) + bytes(groups[-1:])


def zeros(rows: int) -> pa.Table:
    return pa.table({"y": np.zeros(rows)})


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    bomb = overlapping(parquet(zeros(2_000_000), row_group_size=2_000_000), doublings=11)
    assert len(bomb) < 400_000
    began = time.perf_counter()
    with pytest.raises(TooLargeError, match=r"would take 31,250\.0 MiB"):
        read("parquet", bomb, tmp_path)
    assert time.perf_counter() - began < 2.0


def test_row_groups_within_the_limit_are_read_though_they_share_their_pages(tmp_path: Path) -> None:
    table = pa.table({"y": [1.5, 2.5]})
    found = read("parquet", overlapping(parquet(table), doublings=2), tmp_path)
    assert found["y"].values.tolist() == [1.5, 2.5] * 4


def test_a_bomb_of_lists_is_refused(tmp_path: Path) -> None:
    """Few rows, each a long list: the values count."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(3_000_000)), 1_500_000)
    with pytest.raises(TooLargeError, match="decoded"):
        read("parquet", parquet(pa.table({"y": lists})), tmp_path)


def test_a_page_that_compresses_well_counts_as_what_it_becomes(tmp_path: Path) -> None:
    table = pa.table({"g": ["x" * 2**25]})
    body = parquet(table, compression="zstd", use_dictionary=False)
    assert len(body) < 100_000
    with pytest.raises(TooLargeError, match="decoded"):
        read("parquet", body, tmp_path)


def test_metadata_that_lie_bring_no_more_than_they_say(tmp_path: Path) -> None:
    """16 row groups of two million rows that say that they have five each."""
    rows = 2_000_000
    body = overlapping(parquet(zeros(rows), row_group_size=rows), doublings=4)
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    footer = body[start:]
    for honest, lie in ((rows, 5), (16 * rows, 80)):
        assert varint(honest) in footer
        footer = footer.replace(varint(honest), varint(lie, len(varint(honest))))
    found = read("parquet", body[:start] + footer, tmp_path, Caps(columns=1, bytes=2**20))
    assert found["y"].values.shape == (80,)


def test_a_text_that_is_there_once_is_there_once_in_memory(tmp_path: Path) -> None:
    """A megabyte, 100 000 times: 95 GiB as texts, less than two megabytes as codes."""
    word = "x" * 2**20
    cells = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(100_000, dtype=np.int32)), pa.array([word])
    )
    body = parquet(pa.table({"g": cells}), store_schema=False)
    assert len(body) < 2**21
    found = read("parquet", body, tmp_path)["g"]
    assert found.levels.to_pylist() == [word]
    assert found.values.shape == (100_000,)
    assert not found.values.any()


def test_many_row_groups_with_texts_of_their_own(tmp_path: Path) -> None:
    table = pa.table({"g": ["b", "a", "c", "b", "a"], "y": range(5)})
    found = read("parquet", parquet(table, row_group_size=2), tmp_path)
    assert texts(found["g"]) == ["b", "a", "c", "b", "a"]
    assert found["y"].values.tolist() == [0, 1, 2, 3, 4]


def test_too_many_row_groups_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.ingest.parquet_table.MOST_CHUNKS", 4)
    table = pa.table({"y": range(5)})
    read("parquet", parquet(table, row_group_size=2), tmp_path)
    with pytest.raises(InvalidInputError, match="too many row groups"):
        read("parquet", parquet(table, row_group_size=1), tmp_path)


def test_ten_thousand_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="10000 columns"):
        read("parquet", parquet(pa.table({f"c{i}": [1] for i in range(10_000)})), tmp_path)


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" + b"\xff" * 16 + b"PAR1", b"x" * 100])
def test_what_is_no_parquet_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="no Parquet"):
        read("parquet", body, tmp_path)
