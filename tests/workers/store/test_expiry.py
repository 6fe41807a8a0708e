"""What expires, and what others need and is spared."""

from datetime import timedelta

import pytest

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import Job, JobState
from workers.store import expiry
from workers.store.errors import DatasetNotFoundError, JobNotFoundError, ModelNotFoundError
from workers.store.expiry import Fate
from workers.store.store import Store

DAY, WEEK = timedelta(days=1), timedelta(days=7)


def end(store: Store, state: JobState = JobState.SUCCEEDED, result: bool = True) -> Job:
    """End the next queued job."""
    claim = take(store)
    prefix = f"jobs/{claim.job.id}/{claim.token}" if result else None
    assert store.publish(claim.job.id, claim.token, state, prefix)
    return store.get_job(None, claim.job.id)


def told(store: Store, action: str) -> list[tuple[str, str | None, str | None]]:
    entries, _ = store.accounts.audit(None)
    return [(e.owner, e.key_id, e.object) for e in reversed(entries) if e.action == action]


def test_jobs_expire_by_their_end_whatever_it_was(store: Store, clock: TurnedClock) -> None:
    submit(store)
    old = end(store)
    submit(store, "bob")
    failed = end(store, JobState.FAILED, result=False)
    clock.turn(2 * 86400)
    submit(store)
    young = end(store)
    waiting = submit(store)
    clock.turn(5.5 * 86400)
    assert store.upkeep.due_jobs(WEEK) == [old.id, failed.id]
    # Only what is due is deleted, whatever is asked for.
    asked = [old.id, young.id, waiting.id, "nothing"]
    assert store.upkeep.expire_jobs(asked, WEEK) == [old.id]
    with pytest.raises(JobNotFoundError):
        store.get_job(None, old.id)
    assert store.events(old.id) == []
    assert store.upkeep.due_jobs(WEEK) == [failed.id]
    assert told(store, "expire_job") == [("ann", None, old.id)]


def test_what_an_unfinished_job_goes_on_from_stays(store: Store, clock: TurnedClock) -> None:
    submit(store)
    parent = end(store)
    clock.turn(8 * 86400)
    origin = {"job": parent.id, "use": "extend", "prefix": parent.result_prefix}
    submit(store, origin=origin)
    assert store.upkeep.due_jobs(DAY) == []
    assert store.upkeep.due_draws(DAY) == []
    assert store.upkeep.expire_jobs([parent.id], DAY) == []
    child = end(store)
    assert store.upkeep.due_draws(DAY) == [(parent.id, parent.result_prefix)]
    assert store.upkeep.expire_jobs([parent.id, child.id], DAY) == [parent.id]


def test_draws_expire_once_and_are_weighed_anew(store: Store, clock: TurnedClock) -> None:
    submit(store)
    job = end(store)
    submit(store)
    end(store, JobState.FAILED, result=False)
    store.accounts.weigh("ann", {job.id: 1000})
    clock.turn(2 * 86400)
    assert store.upkeep.due_draws(DAY) == [(job.id, job.result_prefix)]
    store.upkeep.mark_draws([job.id])
    assert store.upkeep.due_draws(DAY) == []
    assert store.get_job(None, job.id).draws_expired_at == clock.now
    assert job.id in store.accounts.unweighed("ann")


def test_models_that_no_job_names_expire(store: Store, clock: TurnedClock) -> None:
    other = {"language": "catalog", "name": "eight_schools"}
    used, _ = store.put_model("ann", DEFINITION)
    unused, _ = store.put_model("ann", other)
    theirs, _ = store.put_model("bob", DEFINITION)
    submit(store, model={"id": used})
    clock.turn(2 * 86400)
    young, _ = store.put_model("bob", other)
    found = store.upkeep.unused_models(DAY)
    assert {model.id for model in found} == {unused, theirs}
    for model in found:
        store.upkeep.expire_model(model)
    assert store.get_model("ann", used)
    assert store.get_model("bob", young)
    with pytest.raises(ModelNotFoundError):
        store.get_model("bob", theirs)
    assert ("bob", None, theirs) in told(store, "expire_model")


def test_data_sets_that_no_job_refers_to_expire(store: Store, clock: TurnedClock) -> None:
    for name in ("used", "unused", "claimed"):
        store.put_dataset("ann", name, f"datasets/{name}", [], 8)
    store.submit("ann", request(), DEFINITION, "inputs/x.json", dataset_key="datasets/used")
    clock.turn(2 * 86400)
    unused, claimed = store.upkeep.unused_datasets(DAY)
    assert (unused.id, claimed.id) == ("unused", "claimed")
    # A job that comes between the look and the deletion keeps its data set.
    store.submit("ann", request(), DEFINITION, "inputs/x.json", dataset_key="datasets/claimed")
    assert store.upkeep.expire_dataset(claimed) is None
    assert store.upkeep.expire_dataset(unused) == "datasets/unused"
    assert store.upkeep.expire_dataset(unused) is None
    assert store.get_dataset("ann", "claimed")
    with pytest.raises(DatasetNotFoundError):
        store.get_dataset("ann", "unused")
    # An ended job refers to it still.
    end(store)
    assert store.upkeep.unused_datasets(DAY) == []


def test_idempotency_keys_are_forgotten_when_their_time_is_over(
    store: Store, clock: TurnedClock
) -> None:
    arguments = ("ann", request(), DEFINITION, "inputs/x.json")
    first, _ = store.submit(*arguments, "a", "digest")
    clock.turn(86400 / 2)
    store.submit(*arguments, "b", "digest")
    clock.turn(86400 / 2)
    assert store.upkeep.forget_keys(dry_run=True) == 1
    assert store.upkeep.forget_keys() == 1
    assert store.upkeep.forget_keys() == 0
    assert store.submit(*arguments, "a", "digest")[0].id != first.id


def test_fates(store: Store, clock: TurnedClock) -> None:
    submit(store)
    done = end(store)
    submit(store)
    lost = end(store, JobState.CANCELLED, result=False)
    running = submit(store)
    take(store)
    ids = [done.id, lost.id, running.id, *(f"none{n}" for n in range(1200))]
    assert store.upkeep.fates(ids) == {
        done.id: Fate(clock.now, f"jobs/{done.id}/1", True),
        lost.id: Fate(clock.now, f"jobs/{lost.id}/1", False),
        running.id: Fate(None, f"jobs/{running.id}/1", False),
    }
    assert store.upkeep.taken(ids) == sorted([done.id, lost.id, running.id])


def test_keys_that_stand_in_no_row(store: Store) -> None:
    submit(store)
    store.put_dataset("ann", "d", "datasets/d", [], 1)
    assert store.upkeep.unknown_inputs(["inputs/x.json", "inputs/y.json"]) == {"inputs/y.json"}
    assert store.upkeep.unknown_files(["datasets/d", "datasets/e"]) == {"datasets/e"}
    assert store.upkeep.unknown_inputs([]) == set()


def test_rows_are_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "PAGE", 2)
    keys = [f"inputs/{n}.json" for n in range(5)]
    for key in keys:
        store.submit("ann", request(), DEFINITION, key)
    assert store.upkeep.unknown_inputs([*keys, "inputs/other.json"]) == {"inputs/other.json"}
