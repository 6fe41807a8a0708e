"""Jobs as documents: what leaves one database is what stands in the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, submit, take
from workers.jobs import JobState
from workers.request import JobRequest
from workers.store.errors import (
    DatasetChangedError,
    JobActiveError,
    JobExistsError,
    JobNotFoundError,
)
from workers.store.records import JobRecord
from workers.store.store import Store, create_store

INPUT = f"inputs/{'0' * 64}.json"
DATASET = "a" * 64
FILE = f"datasets/{DATASET}/{'b' * 16}.arrow"


def ended(store: Store, **more: Any) -> str:
    """End a job that the gateway might have stored."""
    posted = {"model": DEFINITION, "engine": {"kind": "nuts"}, "seed": 7, **more}
    asked = JobRequest.model_validate(posted).stored()
    store.put_dataset("ann", DATASET, FILE, [{"name": "y"}], 8)
    job, _ = store.submit("ann", asked, DEFINITION, INPUT, dataset_key=FILE, size=10)
    claim = take(store)
    store.append_events(job.id, claim.token, [("progress", {"done": 1, "total": 2})])
    assert store.publish(job.id, claim.token, JobState.SUCCEEDED, f"jobs/{job.id}/{claim.token}")
    return job.id


@pytest.fixture
def other(tmp_path: Path, clock: TurnedClock) -> Iterator[Store]:
    """Another database."""
    opened = create_store(f"sqlite:///{tmp_path / 'other.db'}", clock=clock)
    yield opened
    opened.close()


def test_a_job_is_the_same_elsewhere(store: Store, other: Store, clock: TurnedClock) -> None:
    job = ended(store, labels={"study": "a"}, priority=5)
    record = JobRecord.model_validate_json(store.upkeep.record(job).model_dump_json())
    clock.turn(86400)
    other.upkeep.admit([(record, 500)])
    assert other.get_job("ann", job) == store.get_job("ann", job)
    assert other.events(job) == store.events(job)
    assert [found.id for found in other.list_jobs("ann", label="study=a")[0]] == [job]
    assert other.get_dataset("ann", DATASET) == store.get_dataset("ann", DATASET)
    assert other.accounts.unweighed("ann") == []
    assert other.upkeep.census(15).stored["jobs"] > 500
    (entry,) = other.accounts.audit("ann")[0]
    assert (entry.action, entry.object, entry.outcome) == ("import_job", job, "done")
    assert other.claim("w", 30) is None


def test_all_come_in_or_none(store: Store, other: Store) -> None:
    first, second = (store.upkeep.record(ended(store)) for _ in range(2))
    other.upkeep.admit([(second, 0)])
    with pytest.raises(JobExistsError, match=second.id) as caught:
        other.upkeep.admit([(first, 0), (second, 0)])
    assert caught.value.job == second.id
    assert [job.id for job in other.list_jobs(None)[0]] == [second.id]


def test_a_data_set_that_is_elsewhere_meanwhile_is_noticed(store: Store, other: Store) -> None:
    record = store.upkeep.record(ended(store))
    other.put_dataset("ann", DATASET, "datasets/another.arrow", [], 8)
    with pytest.raises(DatasetChangedError):
        other.upkeep.admit([(record, 0)])
    assert other.list_jobs(None)[0] == []


def test_only_ended_jobs_have_one(store: Store) -> None:
    with pytest.raises(JobNotFoundError):
        store.upkeep.record("none")
    job = submit(store)
    with pytest.raises(JobActiveError, match="is queued"):
        store.upkeep.record(job.id)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"state": "running"}, "has not ended"),
        ({"events": []}, "last event"),
        ({"id": "../x"}, "pattern"),
        ({"input_key": "inputs/../../etc/passwd"}, "pattern"),
        ({"result_prefix": "jobs/another/1"}, "none of its attempts"),
        ({"result_prefix": "jobs/../1"}, "none of its attempts"),
        ({"owner": "a\nb"}, "pattern"),
        ({"token": -1}, "greater than"),
        ({"surplus": 1}, "not permitted"),
        ({"request": {"engine": {"kind": "nuts"}}}, "Field required"),
        ({"created_at": "2026-01-01T00:00:00"}, "timezone"),
    ],
)
def test_what_is_no_job_is_refused(store: Store, changes: dict[str, Any], sentence: str) -> None:
    document = json.loads(store.upkeep.record(ended(store)).model_dump_json())
    with pytest.raises(ValidationError, match=sentence):
        JobRecord.model_validate_json(json.dumps({**document, **changes}))
    for change in ({"seed": -1}, {"resources": None}, {"limits": {"max_seconds": 0}}):
        request = {**document["request"], **change}
        with pytest.raises(ValidationError):
            JobRecord.model_validate_json(json.dumps({**document, "request": request}))
