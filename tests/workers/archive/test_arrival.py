"""Jobs out and in: the same elsewhere, the same after deletion, and never over another."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.workers.archive.conftest import House
from tests.workers.archive.jobs import RESULT, bound, dataset, ended
from workers.archive.arrival import GONE, bring_in
from workers.archive.manifest import ArchiveError
from workers.archive.writer import write_archive
from workers.inputs import read_document, read_input
from workers.jobs import Job
from workers.store.draws import ArrowDraws
from workers.store.errors import JobNotFoundError


def read(house: House, job: Job) -> tuple[object, ...]:
    """All that can be read of a job."""
    draws = ArrowDraws(house.artifacts, job.result_prefix or "")
    return (
        house.store.get_job(None, job.id),
        house.store.events(job.id),
        json.loads(house.artifacts.get(f"{job.result_prefix}/result.json")),
        draws.values("mu").tobytes(),
        draws.statistics(),
        read_document(house.artifacts, job.input_key),
    )


def test_a_job_exported_deleted_and_imported_is_the_same(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    here, _ = houses
    job = ended(here.store, here.artifacts)
    before, target = read(here, job), tmp_path / "jobs.zip"
    write_archive(here.store, here.artifacts, [job.id], target)
    here.store.delete_job("ann", job.id)
    here.artifacts.delete(f"jobs/{job.id}")
    here.artifacts.delete("inputs")
    (record,) = bring_in(here.store, here.artifacts, target)
    assert record.id == job.id
    assert read(here, job) == before
    assert before[2] == RESULT
    kept = {key.rpartition("/")[2] for key in here.artifacts.list(f"jobs/{job.id}")}
    assert kept == {"draws.arrow", "stats.arrow", "result.json", "state"}, "no checkpoint"


def test_several_come_to_another_house_and_to_another_owner(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    here, there = houses
    jobs = [ended(here.store, here.artifacts, {"y": [1]}, seed=seed) for seed in (1, 2)]
    ids, target = [job.id for job in jobs], tmp_path / "jobs.zip"
    write_archive(here.store, here.artifacts, [*ids, ids[0]], target)
    assert len(bring_in(there.store, there.artifacts, target, "bob")) == 2
    assert there.store.list_jobs("ann")[0] == []
    assert {job.id for job in there.store.list_jobs("bob", label="a=b")[0]} == set(ids)
    assert len(there.artifacts.list("inputs")) == 1
    actions = [(e.action, e.owner) for e in there.store.accounts.audit(None)[0]]
    assert actions == [("import_job", "bob")] * 2
    exported = [e.object for e in here.store.accounts.audit("ann")[0] if e.action == "export_job"]
    assert sorted(map(str, exported)) == sorted(ids)


def test_where_an_id_is_taken_nothing_comes_in(houses: tuple[House, House], tmp_path: Path) -> None:
    here, there = houses
    first, second = (ended(here.store, here.artifacts, seed=seed) for seed in (1, 2))
    write_archive(here.store, here.artifacts, [second.id], tmp_path / "one.zip")
    write_archive(here.store, here.artifacts, [first.id, second.id], tmp_path / "two.zip")
    bring_in(there.store, there.artifacts, tmp_path / "one.zip", "bob")
    before = there.artifacts.list("jobs")
    with pytest.raises(ArchiveError, match=f"nothing was imported: {second.id}"):
        bring_in(there.store, there.artifacts, tmp_path / "two.zip")
    with pytest.raises(JobNotFoundError):
        there.store.get_job(None, first.id)
    assert there.artifacts.list("jobs") == before


@pytest.mark.parametrize("owner", [None, "bob"])
@pytest.mark.parametrize("known", [False, True])
def test_a_data_set_comes_along(
    houses: tuple[House, House], tmp_path: Path, owner: str | None, known: bool
) -> None:
    here, there = houses
    key = dataset(here.store, here.artifacts, tmp_path)
    job = ended(here.store, here.artifacts, bound(key), dataset_key=key)
    write_archive(here.store, here.artifacts, [job.id], tmp_path / "jobs.zip")
    whose = owner or "ann"
    if known:
        dataset(there.store, there.artifacts, tmp_path, whose)
    bring_in(there.store, there.artifacts, tmp_path / "jobs.zip", owner)
    found = there.store.get_job(whose, job.id)
    assert read_input(there.artifacts, found.input_key)["y"].tolist() == [1.0, 2.0, 3.0]
    (stored,), _ = there.store.list_datasets(whose)
    assert there.artifacts.list("datasets") == [stored.key]
    document = read_document(there.artifacts, found.input_key)
    assert (document["dataset"], document["key"]) == (stored.id, stored.key)
    assert there.store.upkeep.record(job.id).dataset is not None
    # The same content of the same owner has the same id, wherever it was posted.
    again = dataset(there.store, there.artifacts, tmp_path, whose).split("/")[1]
    assert again == stored.id


def test_a_data_set_that_was_deleted_is_nobodys_elsewhere(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    here, there = houses
    key = dataset(here.store, here.artifacts, tmp_path)
    job = ended(here.store, here.artifacts, bound(key), dataset_key=key)
    here.store.delete_dataset("ann", key.split("/")[1])
    here.artifacts.delete(key)
    write_archive(here.store, here.artifacts, [job.id], tmp_path / "jobs.zip")
    # Somebody there has a file under this very key.
    there.artifacts.put(key, b"secret")
    bring_in(there.store, there.artifacts, tmp_path / "jobs.zip")
    found = there.store.get_job("ann", job.id)
    assert read_document(there.artifacts, found.input_key)["key"] == GONE
    draws = ArrowDraws(there.artifacts, found.result_prefix or "")
    assert np.isfinite(draws.values("mu")).all()
