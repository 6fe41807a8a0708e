"""Collections: what expires goes with its files, what is needed stays, and a dry run only tells."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.workers.archive.conftest import House
from tests.workers.archive.jobs import bound, dataset, ended
from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, submit, take
from workers.jobs import Job, JobState
from workers.store.artifacts import Artifacts, Listed
from workers.store.errors import JobNotFoundError
from workers.store.store import create_store
from workers.upkeep.collector import Collector
from workers.upkeep.haul import Haul
from workers.upkeep.policy import Policy

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def house(tmp_path: Path, clock: TurnedClock) -> Iterator[House]:
    store = create_store(f"sqlite:///{tmp_path / 'jobs.db'}", clock=clock)
    yield House(store, Artifacts((tmp_path / "artifacts").as_uri()))
    store.close()


def files(house: House) -> set[str]:
    """What lies in the store, but for marks."""
    prefixes = ("jobs", "inputs", "datasets", "probes")
    return {listed.key for prefix in prefixes for listed in house.artifacts.listed(prefix)}


def age(house: House, *keys: str, days: float = 2) -> None:
    """Make artifacts, all if none is named, as old as that."""
    then = time.time() - days * 86400
    for key in keys or files(house):
        os.utime(f"{house.artifacts._root}/{key}", (then, then))


def collect(house: House, *, dry_run: bool = False, **policy: Any) -> dict[str, Any]:
    collector = Collector(house.store, house.artifacts, Policy(**policy))
    haul = collector.collect(dry_run=dry_run)
    assert haul.notes == []
    return {kind: (part.count, part.bytes) for kind, part in haul.parts.items()}


def own(house: House, job: Job) -> set[str]:
    return {key for key in files(house) if key.startswith(f"jobs/{job.id}/")}


def tidied(house: House, job: Job) -> None:
    """Leave of a job what a dispatcher leaves."""
    house.artifacts.delete(f"{job.result_prefix}/checkpoint.0")


def test_without_a_policy_nothing_expires(house: House, clock: TurnedClock, tmp_path: Path) -> None:
    key = dataset(house.store, house.artifacts, tmp_path)
    job = ended(house.store, house.artifacts, bound(key), dataset_key=key)
    house.store.put_model("ann", DEFINITION)
    tidied(house, job)
    clock.turn(1e8)
    age(house, days=1000)
    before = files(house)
    assert collect(house) == {}
    assert files(house) == before
    assert house.store.get_job("ann", job.id) == job


def test_a_job_expires_with_all_that_belongs_to_it(house: House, clock: TurnedClock) -> None:
    old = ended(house.store, house.artifacts, {"y": [1]})
    clock.turn(6 * 86400)
    young = ended(house.store, house.artifacts, {"y": [2]})
    for job in (old, young):
        tidied(house, job)
    clock.turn(2 * 86400)
    age(house)
    theirs = own(house, old)
    size = house.artifacts.size(f"jobs/{old.id}")
    before = files(house)
    assert collect(house, jobs=WEEK, dry_run=True) == {"jobs": (1, size)}
    assert files(house) == before
    found = collect(house, jobs=WEEK)
    # Its data are nobody's then.
    data = 9
    assert found == {"jobs": (1, size), "orphans": (1, data)}
    assert files(house) == before - theirs - {old.input_key}
    with pytest.raises(JobNotFoundError):
        house.store.get_job(None, old.id)
    assert house.store.get_job("ann", young.id) == young
    assert collect(house, jobs=WEEK) == {}


def test_data_that_jobs_share_stay_for_the_last(house: House, clock: TurnedClock) -> None:
    first = ended(house.store, house.artifacts, {"y": [1]}, seed=1)
    clock.turn(8 * 86400)
    second = ended(house.store, house.artifacts, {"y": [1]}, seed=2)
    for job in (first, second):
        tidied(house, job)
    assert first.input_key == second.input_key
    age(house)
    assert set(collect(house, jobs=WEEK)) == {"jobs"}
    assert house.artifacts.exists(second.input_key)


def test_draws_expire_and_the_result_stays(house: House, clock: TurnedClock) -> None:
    job = ended(house.store, house.artifacts)
    tidied(house, job)
    clock.turn(2 * 86400)
    assert set(collect(house, draws=DAY, dry_run=True)) == {"draws"}
    assert len(own(house, job)) == 4
    ((count, size),) = collect(house, draws=DAY).values()
    assert count == 1
    assert size > 100
    assert own(house, job) == {f"{job.result_prefix}/result.json"}
    assert house.store.get_job("ann", job.id).draws_expired_at == clock.now
    assert collect(house, draws=DAY) == {}


def test_models_and_data_sets_without_jobs_expire(
    house: House, clock: TurnedClock, tmp_path: Path
) -> None:
    used = dataset(house.store, house.artifacts, tmp_path)
    unused = dataset(house.store, house.artifacts, tmp_path, "bob")
    job = ended(house.store, house.artifacts, bound(used), dataset_key=used)
    tidied(house, job)
    house.store.put_model("ann", DEFINITION)
    clock.turn(2 * 86400)
    dry = collect(house, unused=DAY, dry_run=True)
    assert {kind: count for kind, (count, _) in dry.items()} == {"models": 1, "datasets": 1}
    found = collect(house, unused=DAY)
    assert {kind: count for kind, (count, _) in found.items()} == {"models": 1, "datasets": 1}
    assert house.artifacts.exists(used)
    assert not house.artifacts.exists(unused)
    assert house.store.list_models("ann")[0] == []


def test_keys_and_audit_entries_are_counted(house: House, clock: TurnedClock) -> None:
    house.store.submit("ann", ASKED, DEFINITION, "inputs/x.json", "key", "digest")
    clock.turn(2 * 86400)
    expected = {"idempotency_keys": (1, 0), "audit_entries": (1, 0)}
    assert collect(house, audit=DAY, dry_run=True) == expected
    assert collect(house, audit=DAY) == expected
    assert collect(house, audit=DAY) == {}


ASKED = {"engine": {"kind": "nuts"}, "seed": 1}


def test_orphans_go_once_they_are_old(house: House) -> None:
    job = ended(house.store, house.artifacts)
    tidied(house, job)
    there = files(house)
    orphans = {
        "jobs/gone/1/draws.arrow",
        "jobs/gone/2/result.json",
        f"inputs/{'0' * 64}.json",
        f"datasets/{'0' * 64}/ab.arrow",
    }
    leftovers = {
        f"jobs/{job.id}/7/draws.arrow",
        f"{job.result_prefix}/checkpoint.1",
        f"{job.result_prefix}/draws.arrow.000001",
        "probes/0a1b",
    }
    for key in orphans | leftovers:
        house.artifacts.put(key, b"xyz")
    torn = {f"inputs/{'1' * 64}.json~0a1b2c3d", f"jobs/{job.id}/1/state~0a1b2c3d"}
    for name in torn:
        Path(f"{house.artifacts._root}/{name}").write_bytes(b"xyz")
    before = files(house)
    # Young: they may be somebody's in a moment.
    assert collect(house) == {}
    assert files(house) == before
    age(house, *orphans, *leftovers, *torn)
    expected = {"orphans": (4, 12), "leftovers": (6, 18)}
    assert collect(house, dry_run=True) == expected
    assert files(house) == before
    assert collect(house) == expected
    assert files(house) == there
    assert collect(house) == {}


def test_what_ended_jobs_left_goes_too(house: House, clock: TurnedClock) -> None:
    clock.now = clock.now.fromtimestamp(time.time() - 3 * 86400, clock.now.tzinfo)
    job = ended(house.store, house.artifacts)
    house.artifacts.put(f"jobs/{job.id}/7/draws.arrow", b"xyz")
    running = submit(house.store)
    claim = take(house.store)
    assert claim.job.id == running.id
    house.artifacts.put(f"jobs/{running.id}/1/checkpoint.0", b"needed")
    age(house)
    collector = Collector(house.store, house.artifacts, Policy())
    haul = collector.collect()
    assert haul.document() == {"leftovers": {"count": 2, "bytes": 11}}
    assert house.artifacts.exists(f"jobs/{running.id}/1/checkpoint.0")
    kept = {key.rpartition("/")[2] for key in own(house, job)}
    assert kept == {"draws.arrow", "stats.arrow", "result.json", "state"}
    # Not looked through again by this collector, but by another.
    house.artifacts.put(f"jobs/{job.id}/8/draws.arrow", b"xyz")
    age(house)
    assert collector.collect().parts == {}
    assert Collector(house.store, house.artifacts, Policy()).collect().parts["leftovers"].count == 1


def test_a_result_that_was_not_published_goes_and_its_draws_stay(
    house: House, clock: TurnedClock
) -> None:
    clock.now = clock.now.fromtimestamp(time.time() - 3 * 86400, clock.now.tzinfo)
    job = submit(house.store)
    claim = take(house.store)
    assert house.store.publish(job.id, claim.token, JobState.CANCELLED)
    for name in ("draws.arrow", "result.json"):
        house.artifacts.put(f"jobs/{job.id}/1/{name}", b"xyz")
    age(house)
    haul = Collector(house.store, house.artifacts, Policy()).collect()
    assert haul.document() == {"leftovers": {"count": 1, "bytes": 3}}
    assert house.artifacts.list("jobs") == [f"jobs/{job.id}/1/draws.arrow"]


def test_files_of_another_database_are_spared(house: House, tmp_path: Path) -> None:
    other = create_store(f"sqlite:///{tmp_path / 'other.db'}")
    job = ended(other, house.artifacts)
    age(house)
    Collector(other, house.artifacts, Policy()).mark()
    before = files(house)
    haul = Collector(house.store, house.artifacts, Policy()).collect()
    assert haul.parts == {}
    (note,) = haul.notes
    assert f"installations/{other.upkeep.installation()}" in note
    assert files(house) == before
    # Once the other is gone, as whoever runs the service says.
    house.artifacts.delete(f"installations/{other.upkeep.installation()}")
    assert "orphans" in collect(house)
    assert own(house, job) == set()
    other.close()


def test_an_empty_folder_goes_once_it_is_old(house: House) -> None:
    house.artifacts.put("jobs/gone/1/x", b"")
    house.artifacts.delete("jobs/gone/1")
    collect(house)
    assert house.artifacts.folders("jobs") == ("jobs/gone",)
    age(house, "jobs/gone")
    collect(house)
    assert house.artifacts.folders("jobs") == ()


def test_what_cannot_be_deleted_is_told_and_the_rest_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("jobs/gone/1/a", "jobs/gone/1/b"):
        house.artifacts.put(key, b"xyz")
    age(house)
    discard = house.artifacts.discard

    def refuse(listed: Listed, before: float) -> bool:
        if listed.key.endswith("a"):
            raise PermissionError(13, "Permission denied", listed.key)
        return discard(listed, before)

    monkeypatch.setattr(house.artifacts, "discard", refuse)
    haul = Collector(house.store, house.artifacts, Policy()).collect()
    assert haul.notes == ["jobs/gone/1/a cannot be deleted (Permission denied)"]
    assert haul.document() == {"orphans": {"count": 1, "bytes": 3}}
    assert files(house) == {"jobs/gone/1/a"}


def test_hauls_add_up() -> None:
    haul = Haul()
    haul.add("jobs", 5)
    haul.add("jobs", 7, 2)
    haul.add("nothing", count=0)
    assert haul.document() == {"jobs": {"count": 3, "bytes": 12}}
