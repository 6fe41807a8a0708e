"""The watch sees what a text might do, so that a test which sees nothing says something."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.watched import EscapeError, watched


def test_reading_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    with watched():
        assert path.read_text() == "x"
        assert [1, 2][0] == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_text("x"),
        lambda path: os.open(path, os.O_WRONLY | os.O_CREAT),
        lambda path: path.mkdir(),
        lambda path: os.system("true"),
        lambda path: subprocess.run(["true"], check=True),
        lambda path: os.kill(os.getpid(), 0),
        lambda path: socket.create_connection(("127.0.0.1", 9)),
    ],
)
def test_what_changes_something_is_seen(tmp_path: Path, act) -> None:
    with watched(), pytest.raises(EscapeError):
        act(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_it_ends_with_its_block(tmp_path: Path) -> None:
    with watched():
        pass
    subprocess.run([sys.executable, "-c", ""], check=True)
    (tmp_path / "a").write_text("x")
