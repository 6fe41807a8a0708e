"""Archives as they are written: what is in them, and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.workers.archive.conftest import House
from tests.workers.archive.jobs import ended
from tests.workers.store.submissions import submit
from workers.archive.manifest import ArchiveError, Manifest
from workers.archive.writer import write_archive
from workers.store.errors import ArtifactNotFoundError, JobActiveError, JobNotFoundError


def test_members_are_stored_and_listed(houses: tuple[House, House], tmp_path: Path) -> None:
    here, _ = houses
    job = ended(here.store, here.artifacts)
    target = tmp_path / "jobs.zip"
    write_archive(here.store, here.artifacts, [job.id], target)
    with zipfile.ZipFile(target) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        manifest = Manifest.model_validate_json(archive.read("manifest.json"))
        document = json.loads(archive.read(f"jobs/{job.id}.json"))
    assert {info.compress_type for info in infos.values()} == {zipfile.ZIP_STORED}
    assert set(infos) == {"manifest.json", *manifest.members}
    assert manifest.jobs == [job.id]
    assert (document["id"], document["owner"], document["state"]) == (job.id, "ann", "succeeded")
    names = {name.rpartition("/")[2] for name in infos if name.startswith("artifacts/jobs/")}
    assert names == {"draws.arrow", "stats.arrow", "result.json", "state"}


def test_a_result_that_was_not_published_stays_behind(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    here, _ = houses
    job = ended(here.store, here.artifacts, heard=False)
    target = tmp_path / "jobs.zip"
    write_archive(here.store, here.artifacts, [job.id], target)
    with zipfile.ZipFile(target) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert "draws.arrow" in names
    assert "result.json" not in names


def test_what_cannot_be_exported_leaves_no_file(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    here, _ = houses
    job, target = ended(here.store, here.artifacts), tmp_path / "jobs.zip"
    waiting = submit(here.store)
    for ids, error in (([job.id, "none"], JobNotFoundError), ([waiting.id], JobActiveError)):
        with pytest.raises(error):
            write_archive(here.store, here.artifacts, ids, target)
    here.artifacts.delete(job.input_key)
    with pytest.raises(ArtifactNotFoundError):
        write_archive(here.store, here.artifacts, [job.id], target)
    assert not target.exists()


def test_a_file_that_is_there_stays(houses: tuple[House, House], tmp_path: Path) -> None:
    here, _ = houses
    job, target = ended(here.store, here.artifacts), tmp_path / "jobs.zip"
    target.write_text("mine")
    with pytest.raises(ArchiveError, match="is there already"):
        write_archive(here.store, here.artifacts, [job.id], target)
    assert target.read_text() == "mine"
    with pytest.raises(ArchiveError, match="cannot be written"):
        write_archive(here.store, here.artifacts, [job.id], tmp_path / "no" / "jobs.zip")
