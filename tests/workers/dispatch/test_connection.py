"""What is prepared before Ray is started: a token and a place for its sockets."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.dispatch.connection import LONGEST_DIRECTORY, discreet, private_directory, token_file
from workers.dispatch.guard import MARK
from workers.errors import WorkerError


def test_what_is_started_learns_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"CREDENCE_DATABASE": "x://a:hush@b", "PGPASSWORD": "hush", "CREDENCE_CACHE": "c"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with discreet():
        told = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "hush" not in told
    assert "CREDENCE_CACHE=c" in told
    assert {name: os.environ[name] for name in given} == given


def test_keys_of_other_services_are_kept_from_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SOME_API_KEY": "hush",
        "my_password": "hush",
        "GITHUB_TOKEN": "hush",
        "SESSION_SECRET": "hush",
        "DATABASE_URL": "x://hush",
        "RAY_AUTH_TOKEN_PATH": "rays",
        "AWS_SECRET_ACCESS_KEY": "the store's",
        "CREDENCE_CACHE": "c",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with discreet():
        told = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "hush" not in told
    assert "RAY_AUTH_TOKEN_PATH=rays" in told
    assert "AWS_SECRET_ACCESS_KEY=the store's" in told
    with discreet(stores=()):
        told = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "the store's" not in told
    assert {name: os.environ[name] for name in given} == given


def test_the_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = token_file(tmp_path)
    token = path.read_text()
    assert len(token) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_file(tmp_path).read_text() == token


def test_sockets_lie_in_the_home_where_its_path_is_short(tmp_path: Path) -> None:
    home = Path("/tmp") / f"c{os.getpid()}"
    home.mkdir()
    try:
        directory = private_directory(home)
        assert directory.parent == home / "ray"
        assert directory.stat().st_mode & 0o777 == 0o700
    finally:
        subprocess.run(["rm", "-r", str(home)], check=True)


def test_sockets_lie_elsewhere_where_it_is_long(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 10)
    home.mkdir()
    directory = private_directory(home)
    try:
        assert not directory.is_relative_to(home)
        assert directory.parent.stat().st_mode & 0o777 == 0o700
        assert len(str(directory)) <= LONGEST_DIRECTORY
        assert directory.stat().st_mode & 0o777 == 0o700
    finally:
        directory.rmdir()


def test_what_a_killed_process_left_is_removed() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home = Path("/tmp") / f"c{os.getpid()}"
    left = home / "ray" / str(gone.pid) / "r"
    living = home / "ray" / str(os.getppid())
    (home / "ray").mkdir(parents=True, mode=0o700)
    left.mkdir(parents=True)
    living.mkdir()
    try:
        directory = private_directory(home)
        assert {path.name for path in (home / "ray").iterdir()} == {living.name, directory.name}
    finally:
        subprocess.run(["rm", "-r", str(home)], check=True)


def test_a_place_that_others_can_write_to_is_refused() -> None:
    home = Path("/tmp") / f"c{os.getpid()}"
    (home / "ray").mkdir(parents=True)
    (home / "ray").chmod(0o777)
    try:
        with pytest.raises(WorkerError, match="open to other users"):
            private_directory(home)
    finally:
        subprocess.run(["rm", "-r", str(home)], check=True)


def test_what_a_killed_process_had_started_ends_with_its_directory(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home = Path("/tmp") / f"c{os.getpid()}"
    left = home / "ray" / str(gone.pid)
    (home / "ray").mkdir(parents=True, mode=0o700)
    left.mkdir()
    # Its guard was killed as well.
    orphan = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(left)})
    try:
        directory = private_directory(home)
        assert orphan.wait(10) == -signal.SIGKILL
        assert {path.name for path in (home / "ray").iterdir()} == {directory.name}
    finally:
        orphan.kill()
        orphan.wait()
        subprocess.run(["rm", "-r", str(home)], check=True)
