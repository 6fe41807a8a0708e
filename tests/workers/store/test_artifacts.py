"""Artifacts, in a directory and in a store without directories."""

import contextlib
import io
import itertools
import os
import shutil
import stat
import threading
import time
from datetime import UTC, datetime
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


def aged(artifacts: Artifacts, key: str, seconds: float) -> None:
    """Make an artifact as old as that."""
    then = time.time() - seconds
    if artifacts.local:
        os.utime(artifacts._path(key), (then, then))
    else:
        artifacts._files.store[artifacts._path(key)].created = datetime.fromtimestamp(then, UTC)


def test_listings_tell_sizes_and_ages(artifacts: Artifacts) -> None:
    artifacts.put("jobs/a/1/draws.arrow", b"123")
    artifacts.put("jobs/b/1/result.json", b"1")
    aged(artifacts, "jobs/a/1/draws.arrow", 1000)
    (listed,) = artifacts.listed("jobs/a")
    assert (listed.key, listed.bytes) == ("jobs/a/1/draws.arrow", 3)
    assert listed.written is not None
    assert 990 < time.time() - listed.written < 1100
    assert artifacts.folders("jobs") == ("jobs/a", "jobs/b")
    assert artifacts.folders("none") == artifacts.listed("none") == ()
    assert artifacts.folder("none").written is None


def test_what_was_touched_is_not_discarded(artifacts: Artifacts) -> None:
    for key in ("inputs/a", "inputs/b"):
        artifacts.put(key, b"x")
        aged(artifacts, key, 10_000)
    listed = {each.key: each for each in artifacts.listed("inputs")}
    before = time.time() - 5000
    # An object store is not told of a touch: what is old there is to be put again.
    if not artifacts.touch("inputs/a"):
        assert not artifacts.local
        artifacts.put("inputs/a", b"x")
    assert not artifacts.discard(listed["inputs/a"], before)
    assert artifacts.discard(listed["inputs/b"], before)
    assert not artifacts.discard(listed["inputs/b"], before)
    assert artifacts.list("inputs") == ["inputs/a"]
    assert artifacts.get("inputs/a") == b"x"
    assert not artifacts.touch("inputs/b")


def test_an_input_that_is_needed_again_is_young(artifacts: Artifacts) -> None:
    key = artifacts.put_input(b"{}")
    aged(artifacts, key, 10_000)
    assert artifacts.put_input(b"{}") == key
    (listed,) = artifacts.listed("inputs")
    assert listed.written is not None
    assert time.time() - listed.written < 100


def test_submissions_never_lose_their_input_to_a_collection(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    ended = threading.Event()

    def collect() -> None:
        while not ended.is_set():
            for listed in artifacts.listed("inputs"):
                artifacts.discard(listed, time.time() - 1000)

    thread = threading.Thread(target=collect)
    thread.start()
    for number in range(300):
        key = artifacts.put_input(b"{}")
        if number % 3 == 0:
            with contextlib.suppress(FileNotFoundError):
                aged(artifacts, key, 10_000)
        key = artifacts.put_input(b"{}")
        # Aside for a moment, if at all.
        end = time.monotonic() + 10
        while not artifacts.exists(key):
            assert time.monotonic() < end, f"lost at {number}"
    ended.set()
    thread.join()


def test_leftovers_of_writing_are_listed_too(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    artifacts.put("inputs/a.json", b"x")
    (tmp_path / "inputs" / "b.json~0a1b2c3d").write_bytes(b"part")
    listed = {each.key: each for each in artifacts.listed("inputs")}
    assert set(listed) == {"inputs/a.json", "inputs/b.json~0a1b2c3d"}
    assert artifacts.discard(listed["inputs/b.json~0a1b2c3d"], time.time() + 10)
    assert artifacts.list("inputs") == ["inputs/a.json"]


def test_a_stream_is_stored(artifacts: Artifacts) -> None:
    artifacts.put_stream("jobs/a/1/draws.arrow", io.BytesIO(b"x" * 3_000_000))
    assert artifacts.size("jobs/a/1/draws.arrow") == 3_000_000


def test_room_is_told_of_directories(tmp_path: Path) -> None:
    free = Artifacts((tmp_path / "not" / "yet").as_uri()).free()
    assert free is not None
    assert 0 < free <= shutil.disk_usage(tmp_path).total
    assert Artifacts("memory://room").free() is None
