"""Artifacts, in a directory and in a store without directories."""

import itertools
import stat
from pathlib import Path

import pytest

from workers.store.artifacts import Artifacts
from workers.store.errors import ArtifactKeyError, ArtifactNotFoundError, StorageFullError

NAMES = itertools.count()


@pytest.fixture(params=["file", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    if request.param == "memory":
        return Artifacts(f"memory://test-{next(NAMES)}")
    return Artifacts((tmp_path / "artifacts").as_uri())


def test_what_is_put_is_got(artifacts: Artifacts) -> None:
    artifacts.put("jobs/a/1/result.json", b"{}")
    artifacts.put("jobs/a/1/result.json", b"[]")
    assert artifacts.get("jobs/a/1/result.json") == b"[]"
    assert artifacts.exists("jobs/a/1/result.json")
    assert not artifacts.exists("jobs/a/1")


def test_what_is_not_there_is_said_to_be_missing(artifacts: Artifacts) -> None:
    for read in (artifacts.get, artifacts.map):
        with pytest.raises(ArtifactNotFoundError, match="jobs/a"):
            read("jobs/a")


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "a/.hidden", "a b", "a\n", "a\x00b"],
)
def test_keys_do_not_leave_the_store(artifacts: Artifacts, key: str) -> None:
    for use in (artifacts.get, artifacts.exists, artifacts.list, artifacts.delete):
        with pytest.raises(ArtifactKeyError):
            use(key)
    with pytest.raises(ArtifactKeyError):
        artifacts.put(key, b"")


def test_keys_are_listed_and_deleted_by_prefix(artifacts: Artifacts) -> None:
    for key in ("jobs/a/1/x", "jobs/a/2/x", "jobs/ab/1/x"):
        artifacts.put(key, b"x")
    assert artifacts.list("jobs/a") == ["jobs/a/1/x", "jobs/a/2/x"]
    artifacts.delete("jobs/a")
    artifacts.delete("jobs/a")
    assert artifacts.list("jobs") == ["jobs/ab/1/x"]


def test_an_input_is_stored_once_under_its_digest(artifacts: Artifacts) -> None:
    key = artifacts.put_input(b'{"y":[1]}')
    assert artifacts.put_input(b'{"y":[1]}') == key
    assert key.startswith("inputs/")
    assert artifacts.list("inputs") == [key]
    assert artifacts.get(key) == b'{"y":[1]}'


def test_a_mapping_outlives_its_file(artifacts: Artifacts) -> None:
    artifacts.put("a", b"x" * 100_000)
    view = artifacts.map("a")
    artifacts.delete("a")
    assert bytes(view) == b"x" * 100_000
    artifacts.put("empty", b"")
    assert bytes(artifacts.map("empty")) == b""


def test_a_growing_file_ends_with_its_seal(artifacts: Artifacts) -> None:
    file = artifacts.open_write("a/b")
    file.write(b"one ")
    file.write(b"two")
    artifacts.seal(file)
    artifacts.seal(file)
    assert artifacts.get("a/b") == b"one two"


def test_a_file_is_stored(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 3_000_000)
    artifacts.put_file("datasets/a/1.arrow", tmp_path / "source")
    assert bytes(artifacts.map("datasets/a/1.arrow")) == b"x" * 3_000_000


def test_a_failed_put_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    artifacts.put("a/b", b"old")
    with pytest.raises(TypeError):
        artifacts.put("a/b", "text")  # type: ignore[arg-type]
    assert artifacts.get("a/b") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_plain_path_is_a_url_too(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path / "with space"))
    artifacts.put("a", b"x")
    assert stat.S_ISREG((tmp_path / "with space" / "a").stat().st_mode)
    artifacts.close()
    assert artifacts.get("a") == b"x"


def test_sizes_are_told_by_key_and_by_prefix(artifacts: Artifacts) -> None:
    artifacts.put("jobs/a/1/result.json", b"12345")
    artifacts.put("jobs/a/2/draws.arrow", b"123")
    artifacts.put("jobs/ab/1/result.json", b"1")
    assert artifacts.size("jobs/a/1/result.json") == 5
    assert artifacts.size("jobs/a") == 8
    assert artifacts.size("jobs/c") == 0


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    source = tmp_path / "source"
    source.write_bytes(b"x" * 100)
    (tmp_path / "jobs").mkdir()
    # A device that is always full.
    (tmp_path / "jobs" / "draws").symlink_to("/dev/full")
    with pytest.raises(StorageFullError):
        artifacts.put_file("jobs/draws", source)
    assert not artifacts.exists("jobs/draws"), "nothing is left that looks like a file"
