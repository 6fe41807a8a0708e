"""Archives that are damaged, forged or hostile: each is refused, and nothing is written."""

import hashlib
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.archive.conftest import House, opened
from tests.workers.archive.jobs import ended
from workers.archive.arrival import bring_in
from workers.archive.manifest import ArchiveError
from workers.archive.reader import Reader
from workers.archive.writer import write_archive

Members = dict[str, bytes]
Change = Callable[[Members, str], None]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An archive of one job, and its id."""
    folder = tmp_path_factory.mktemp("archive")
    with opened(folder / "here") as here:
        job = ended(here.store, here.artifacts)
        write_archive(here.store, here.artifacts, [job.id], folder / "jobs.zip")
    return folder / "jobs.zip", job.id


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house where nothing ever arrives."""
    with opened(tmp_path_factory.mktemp("house") / "there") as house:
        yield house


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, found: Members, listed: bool = True, kind: int = zipfile.ZIP_STORED) -> Path:
    """Write members to another archive, with a manifest that fits them if `listed`."""
    if listed:
        manifest = json.loads(found["manifest.json"])
        manifest["members"] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in found.items()
            if name != "manifest.json"
        }
        found = {**found, "manifest.json": json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return path


def put(name: str, content: bytes = b"x") -> Change:
    return lambda found, job: found.update({name.format(job=job): content})


def drop(name: str) -> Change:
    def change(found: Members, job: str) -> None:
        (key,) = (key for key in found if key.endswith(name.format(job=job)))
        del found[key]

    return change


def record(**changes: Any) -> Change:
    def change(found: Members, job: str) -> None:
        name = f"jobs/{job}.json"
        found[name] = json.dumps({**json.loads(found[name]), **changes}).encode()

    return change


def manifest(**changes: Any) -> Change:
    def change(found: Members, job: str) -> None:
        document = {**json.loads(found["manifest.json"]), **changes}
        found["manifest.json"] = json.dumps(document).encode()

    return change


def renamed_input(found: Members, job: str) -> None:
    (key,) = (key for key in found if key.startswith("artifacts/inputs/"))
    found[key] = b'{"y": [666]}'


#: The digest of the content that `put` puts.
X = hashlib.sha256(b"x").hexdigest()
FORGED: dict[str, tuple[Change, str]] = {
    "a path out": (put("artifacts/../../etc/cron.d/x"), "belongs to no job"),
    "an absolute path": (put("/etc/passwd"), "belongs to no job"),
    "a path out of the job": (put("artifacts/jobs/{job}/1/../../other/1/x"), "belongs to no job"),
    "another job's artifact": (put("artifacts/jobs/other/1/draws.arrow"), "belongs to no job"),
    "another attempt's": (put("artifacts/jobs/{job}/2/draws.arrow"), "belongs to no job"),
    "a folder below": (put("artifacts/jobs/{job}/1/a/b"), "belongs to no job"),
    "a checkpoint": (put("artifacts/jobs/{job}/1/checkpoint.0"), "belongs to no job"),
    "a hidden file": (put("artifacts/jobs/{job}/1/.x"), "belongs to no job"),
    "another input": (
        put(f"artifacts/inputs/{hashlib.sha256(b'x').hexdigest()}.json"),
        "belongs to no job",
    ),
    "a mark": (put("artifacts/installations/abc"), "belongs to no job"),
    "an input of another content": (renamed_input, "not called by its digest"),
    "no manifest": (drop("manifest.json"), "manifest.json is missing"),
    "no job": (drop("jobs/{job}.json"), "is missing"),
    "a job that runs": (record(state="running"), "has not ended"),
    "a job of another id": (record(id="other"), "none of its attempts"),
    "a job with more": (record(more=1), "not permitted"),
    "a NUL": (record(error={"detail": "\0"}), "NUL"),
    "deep JSON": (put("jobs/{job}.json", b"[" * 100_000), "recursion"),
    "a newer format": (manifest(version=2), "written by a newer program"),
    "another format": (manifest(format="zip"), "credence-jobs"),
    "a job twice": (lambda found, job: manifest(jobs=[job, job])(found, job), "twice"),
    "a job that is not there": (manifest(jobs=["../x"]), "is missing"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_does_not_belong_is_refused_and_nothing_is_written(
    there: House, written: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    path, job = written
    change, sentence = FORGED[name]
    found = members(path)
    change(found, job)
    forged = write(tmp_path / "forged.zip", found, listed="manifest.json" in found)
    with pytest.raises(ArchiveError, match=sentence):
        bring_in(there.store, there.artifacts, forged)
    assert there.store.list_jobs(None)[0] == []
    for prefix in ("jobs", "inputs", "datasets"):
        assert there.artifacts.list(prefix) == []


def test_what_the_manifest_does_not_list_is_refused(
    written: tuple[Path, str], tmp_path: Path
) -> None:
    path, job = written
    for name in (f"artifacts/jobs/{job}/1/result.json", f"jobs/{job}.json"):
        found = members(path)
        longer = {**found, name: found[name] + b" "}
        with pytest.raises(ArchiveError, match="another size"):
            Reader(write(tmp_path / "a.zip", longer, listed=False))
        altered = {**found, name: found[name].replace(b"e", b"E", 1)}
        with pytest.raises(ArchiveError, match="digest is another"):
            Reader(write(tmp_path / "a.zip", altered, listed=False))
        more = {**found, "more": b"x"}
        with pytest.raises(ArchiveError, match="missing in the manifest"):
            Reader(write(tmp_path / "a.zip", more, listed=False))
        less = {other: content for other, content in found.items() if other != name}
        with pytest.raises(ArchiveError, match="missing"):
            Reader(write(tmp_path / "a.zip", less, listed=False))


def test_a_bomb_is_not_read(written: tuple[Path, str], tmp_path: Path) -> None:
    path, job = written
    found = {**members(path), f"artifacts/jobs/{job}/1/draws.arrow": b"\0" * 10**7}
    with pytest.raises(ArchiveError, match="compressed"):
        Reader(write(tmp_path / "bomb.zip", found, kind=zipfile.ZIP_DEFLATED))


def test_members_that_overlap_claim_too_much(written: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = written
    content = bytearray(path.read_bytes())
    # The sizes of the first member in the central directory: it claims the whole file, and more.
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = (len(content) * 2).to_bytes(4, "little") * 2
    forged = tmp_path / "overlap.zip"
    forged.write_bytes(content)
    with pytest.raises(ArchiveError, match="claims to hold more"):
        Reader(forged)


def test_two_members_of_one_name_are_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    path, job = written
    twice = shutil.copy(path, tmp_path / "twice.zip")
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"jobs/{job}.json", b"{}")
    with pytest.raises(ArchiveError, match="two members of one name"):
        Reader(twice)


def test_no_archive_at_all(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        Reader(tmp_path / "none.zip")
    for content in (b"", b"PK", b"hello" * 100):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(ArchiveError, match="no archive of jobs"):
            Reader(tmp_path / "a.zip")


def test_whatever_is_cut_or_altered_is_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = written
    content, rng = path.read_bytes(), random.Random(1)
    broken = tmp_path / "broken.zip"
    for _ in range(60):
        broken.write_bytes(content[: rng.randrange(len(content))])
        with pytest.raises(ArchiveError):
            Reader(broken)
    taken = 0
    for _ in range(200):
        altered = bytearray(content)
        altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
        broken.write_bytes(altered)
        try:
            Reader(broken).close()
        except ArchiveError:
            continue
        # Of a date, or another byte that means nothing.
        taken += 1
        assert members(broken) == members(path)
    assert taken < 100
