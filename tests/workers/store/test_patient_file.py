"""A file on a disk that is full for a while, which `/dev/full` always is."""

import io
import os
from pathlib import Path

import pytest

from workers.store.errors import StorageFullError
from workers.store.patient_file import PatientFile

FULL = Path("/dev/full")


def test_what_is_written_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"longer than what comes")
    file = PatientFile(path)
    assert file.write(b"abc") == 3
    assert file.write(memoryview(b"def")) == 3
    assert path.read_bytes() == b"abcdef"
    file.close()
    file.close()
    assert file.closed


def test_without_patience_a_full_disk_is_an_error() -> None:
    with PatientFile(FULL) as file, pytest.raises(StorageFullError):
        file.write(b"abc")


def test_it_goes_on_where_it_was_once_there_is_room(tmp_path: Path) -> None:
    path, waits = tmp_path / "a", []

    def wait() -> None:
        waits.append(len(waits))
        if len(waits) == 3:
            # Somebody has made room.
            with path.open("wb") as room:
                os.dup2(room.fileno(), file.fileno())

    file = PatientFile(FULL, wait)
    with io.BufferedWriter(file) as buffered:
        buffered.write(b"abc" * 5000)
        buffered.write(b"def")
    assert path.read_bytes() == b"abc" * 5000 + b"def"
    assert len(waits) == 3


def test_patience_may_end(tmp_path: Path) -> None:
    def wait() -> None:
        raise StorageFullError

    with PatientFile(FULL, wait) as file, pytest.raises(StorageFullError):
        file.write(b"abc")


def test_other_errors_are_not_waited_for(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    file = PatientFile(tmp_path / "a", lambda: pytest.fail("there is room"))
    os.dup2(write, file.fileno())
    os.close(write)
    with file, pytest.raises(BrokenPipeError):
        file.write(b"abc")
