"""The process that reads: its answers, its limits of memory and time, and its end."""

import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.errors import TooLargeError
from services.errors import BusyError, InvalidInputError, MalformedJsonError
from services.gateway.ingest import ingestor
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.ingestor import Ingestor
from tests.services.gateway.ingest.posting import overlapping, parquet
from workers.columns import read_columns

CAPS = Caps(columns=1000, bytes=2**28)


def ingest(reader: Ingestor, folder: Path, form: str, body: bytes) -> dict[str, object]:
    (folder / "posted").write_bytes(body)
    return reader.ingest(folder / "posted", folder / "columns", form)


def test_an_answer(tmp_path: Path) -> None:
    found = ingest(Ingestor(CAPS), tmp_path, "csv", b"y,g\n1,a\n2,b\n")
    assert found["columns"] == [
        {"name": "y", "dtype": "int64", "shape": [2], "levels": None},
        {"name": "g", "dtype": "text", "shape": [2], "levels": 2},
    ]
    columns = read_columns(memoryview((tmp_path / "columns").read_bytes()))
    assert columns["y"].values.tolist() == [1, 2]
    assert found["bytes"] == sum(column.nbytes for column in columns.values())
    again = ingest(Ingestor(CAPS), tmp_path, "json", b'{"g": ["a", "b"], "y": [1, 2]}')
    assert again["digest"] == found["digest"]


@pytest.mark.parametrize(
    ("form", "body", "error", "sentence"),
    [
        ("csv", b"y\n1\nx\n", InvalidInputError, "line 3, column 1: 'x' is no number"),
        ("json", b"{", MalformedJsonError, "not JSON"),
        ("csv", b",".join([b"a"] * 1001), TooLargeError, "1001 columns"),
    ],
)
def test_refusals_keep_class_and_sentence(
    tmp_path: Path, form: str, body: bytes, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        ingest(Ingestor(CAPS), tmp_path, form, body)


@pytest.mark.slow
def test_memory_is_the_second_line(tmp_path: Path) -> None:
    """Within the limit of size, beyond that of memory."""
    table = pa.table({"y": np.zeros(4_000_000)})
    body = overlapping(parquet(table, row_group_size=len(table)), doublings=3)
    with pytest.raises(TooLargeError, match="more memory"):
        ingest(Ingestor(CAPS, memory=2**26), tmp_path, "parquet", body)


@pytest.mark.slow
def test_time_is_limited(tmp_path: Path) -> None:
    body = b"y\n" + b"1.5\n" * 6_000_000
    began = time.perf_counter()
    with pytest.raises(TooLargeError, match="longer than 1 s"):
        ingest(Ingestor(CAPS, seconds=1), tmp_path, "csv", body)
    assert time.perf_counter() - began < 20.0


def test_a_file_that_ends_its_reader_is_a_refusal(tmp_path: Path) -> None:
    """A required column with the statistics of an optional one: pyarrow 26 aborts the process."""
    body = parquet(pa.table({"y": [1, 2, 3]}))
    optional, required = b"\x25\x02\x18\x01y", b"\x25\x00\x18\x01y"
    assert body.count(optional) == 1
    with pytest.raises(InvalidInputError):
        ingest(Ingestor(CAPS), tmp_path, "parquet", body.replace(optional, required))


def test_a_reader_that_dies_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that crashes, as a fault in native code would make it."""
    crash = tmp_path / "sitecustomize.py"
    crash.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    with pytest.raises(InvalidInputError, match="ended the process that read it"):
        ingest(Ingestor(CAPS), tmp_path, "csv", b"y\n1\n")


def test_a_reader_that_was_through_while_we_stood_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept: the patience is over, but the answer is there."""

    class Late(subprocess.Popen[bytes]):
        def communicate(
            self, input: bytes | None = None, timeout: float | None = None
        ) -> tuple[bytes, bytes]:
            if timeout is not None:
                self.wait()
                raise subprocess.TimeoutExpired(self.args, timeout)
            return super().communicate(input)

    monkeypatch.setattr(subprocess, "Popen", Late)
    found = ingest(Ingestor(CAPS), tmp_path, "csv", b"y\n1\n")
    assert found["bytes"] == 8


@pytest.mark.slow
def test_others_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestor, "PATIENCE", 0.2)
    reader = Ingestor(CAPS, processes=1)
    with reader._turns, pytest.raises(BusyError, match="Other data sets"):
        ingest(reader, tmp_path, "csv", b"y\n1\n")
    monkeypatch.setattr(ingestor, "PATIENCE", 60.0)
    folders = [tmp_path / name for name in "ab"]
    threads = []
    for folder in folders:
        folder.mkdir()
        threads.append(threading.Thread(target=ingest, args=(reader, folder, "csv", b"y\n1\n")))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert all((folder / "columns").exists() for folder in folders)
