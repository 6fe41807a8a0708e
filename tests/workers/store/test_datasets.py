"""The contract of data sets, on every database."""

import threading
from typing import Any

import pytest

from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import Job, JobState
from workers.store import datasets, jobs
from workers.store.backlog import Backlog
from workers.store.datasets import StoredDataset
from workers.store.errors import DatasetInUseError, DatasetNotFoundError
from workers.store.store import Store

COLUMNS = [{"name": "y", "dtype": "int64", "shape": [3], "levels": None}]


def put(store: Store, identity: str = "abc", owner: str = "ann") -> StoredDataset:
    return store.put_dataset(owner, identity, f"datasets/{owner}{identity}/1", COLUMNS, 24)[0]


def submit_with(store: Store, dataset: StoredDataset) -> Job:
    key = dataset.key
    return store.submit("ann", request(), DEFINITION, "inputs/x.json", dataset_key=key)[0]


def test_a_data_set_is_stored_once(store: Store) -> None:
    first, new = store.put_dataset("ann", "abc", "datasets/abc/1", COLUMNS, 24)
    again, newer = store.put_dataset("ann", "abc", "datasets/abc/2", COLUMNS, 24)
    assert (new, newer) == (True, False)
    assert first == again == store.get_dataset("ann", "abc")
    assert (first.key, first.columns, first.bytes) == ("datasets/abc/1", COLUMNS, 24)
    assert first.created_at == store._clock()  # type: ignore[misc]


def test_an_owner_s_data_sets_are_its_own(store: Store) -> None:
    put(store, owner="ann")
    put(store, owner="bob")
    with pytest.raises(DatasetNotFoundError):
        store.get_dataset("carl", "abc")
    with pytest.raises(DatasetNotFoundError):
        store.delete_dataset("carl", "abc")
    assert [found.owner for found in store.list_datasets("bob")[0]] == ["bob"]
    with pytest.raises(DatasetNotFoundError, match="deleted"):
        store.submit(
            "carl", request(), DEFINITION, "inputs/x.json", dataset_key="datasets/bobabc/1"
        )
    assert store.list_jobs(None) == ([], None)


def test_pages_run_newest_first(store: Store) -> None:
    for name in ("a", "b", "c"):
        put(store, name)
    first, token = store.list_datasets("ann", page_size=2)
    second, end = store.list_datasets("ann", page_size=2, page_token=token)
    assert [found.id for found in first + second] == ["c", "b", "a"]
    assert end is None


def test_it_is_kept_while_an_unfinished_job_needs_it(store: Store) -> None:
    dataset = put(store)
    waiting, running = submit_with(store, dataset), submit_with(store, dataset)
    submit(store)
    claim = take(store)
    for needing in ((waiting.id, running.id), (running.id,)):
        with pytest.raises(DatasetInUseError) as caught:
            store.delete_dataset("ann", "abc")
        assert caught.value.jobs == needing
        assert all(job in caught.value.detail for job in needing)
        store.publish(claim.job.id, claim.token, JobState.SUCCEEDED)
    store.request_cancel("ann", running.id)
    assert store.delete_dataset("ann", "abc") == dataset.key
    assert store.get_job("ann", waiting.id).state is JobState.SUCCEEDED
    with pytest.raises(DatasetNotFoundError):
        submit_with(store, dataset)


def test_a_deleted_job_needs_nothing(store: Store) -> None:
    dataset = put(store)
    job = submit_with(store, dataset)
    store.request_cancel("ann", job.id)
    store.delete_job("ann", job.id)
    assert store.delete_dataset("ann", "abc") == dataset.key


def test_the_same_key_again_refers_once(store: Store) -> None:
    dataset = put(store)

    def post() -> tuple[Job, bool]:
        return store.submit(
            "ann", request(), DEFINITION, "inputs/x.json", "key", "digest", dataset.key
        )

    (first, new), (again, newer) = post(), post()
    assert (first.id, new, newer) == (again.id, True, False)


def in_a_thread(work: Any) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_deletion_waits_for_a_submission_under_way(store: Store) -> None:
    dataset = put(store)
    submission = jobs.Submission(
        owner="ann",
        request=request(),
        definition=DEFINITION,
        input_key="inputs/x.json",
        dataset_key=dataset.key,
    )
    with store._write() as connection:
        now = store._now(connection)
        ((job, _),) = jobs.submit(connection, [submission], now, Backlog())
        thread, errors = in_a_thread(lambda: store.delete_dataset("ann", "abc"))
        thread.join(0.2)
        assert thread.is_alive()
    thread.join()
    (error,) = errors
    assert isinstance(error, DatasetInUseError)
    assert error.jobs == (job.id,)


def test_a_submission_waits_for_a_deletion_under_way(store: Store) -> None:
    dataset = put(store)
    with store._write() as connection:
        datasets.remove(connection, "ann", "abc")
        thread, errors = in_a_thread(lambda: submit_with(store, dataset))
        thread.join(0.2)
        assert thread.is_alive()
    thread.join()
    assert [type(error) for error in errors] == [DatasetNotFoundError]
    assert store.list_jobs(None) == ([], None)


def test_the_sentence_names_five_jobs_at_the_most() -> None:
    assert "a, b, c, d, e and 2 more" in DatasetInUseError("abcdefg").detail
