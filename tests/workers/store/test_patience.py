"""Patience with a full disk: it waits, says so once, and ends when it is asked to."""

import errno

import pytest

from workers.store import patience as module
from workers.store.errors import StorageFullError
from workers.store.patience import FULL, Patience, told_when_full


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


@pytest.mark.parametrize("number", FULL)
def test_a_full_disk_is_an_error_of_ours(number: int) -> None:
    with pytest.raises(StorageFullError), told_when_full():
        raise OSError(number, "full")


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(OSError, match="denied"), told_when_full():
        raise OSError(errno.EACCES, "denied")


def test_a_write_is_repeated_until_there_is_room() -> None:
    told: list[str] = []
    tries = iter([StorageFullError(), StorageFullError(), None])

    def write() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "written"

    assert Patience(lambda: False, lambda: told.append("full")).through(write) == "written"
    assert told == ["full"]


def test_it_ends_when_the_run_is_to_end() -> None:
    answers = iter([False, False, True])

    def write() -> None:
        raise StorageFullError

    with pytest.raises(StorageFullError):
        Patience(lambda: next(answers), lambda: None).through(write)
    assert next(answers, None) is None
