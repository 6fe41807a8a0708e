"""The worker without Ray: one task at a time, events in order, stops that come too late."""

import time

import pytest

from tests.workers.dispatch.house import LONG, PLAN, House
from tests.workers.dispatch.planner import plan_and_tell
from workers.dispatch import actor
from workers.dispatch.actor import Worker
from workers.dispatch.task import Batch, Event, Proposal, Receipt


def drain(worker: Worker) -> tuple[list[Event], Receipt]:
    events: list[Event] = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        batch = Batch.model_validate_json(worker.poll(1.0))
        events += batch.events
        if batch.proposal is not None:
            worker.confirm(batch.proposal.number)
        if batch.receipt is not None:
            return events, batch.receipt
    raise AssertionError("no receipt")


def test_a_task_is_run_and_told(house: House) -> None:
    worker = Worker()
    worker.start(house.task().model_dump_json().encode())
    events, receipt = drain(worker)
    account = receipt.account
    assert receipt == Receipt(state="succeeded", result=True, account=account)
    assert account is not None
    assert (account.engine, account.draws) == ("nuts", 100)
    assert [phase.name for phase in account.phases] == ["compile", "plan", "run", "write"]
    done = [event.payload["done"] for event in events if event.kind == "progress"]
    assert done == sorted(done)
    assert done[-1] == 100


def test_it_runs_one_task_at_a_time(house: House) -> None:
    worker = Worker()
    worker.start(house.task(LONG).model_dump_json().encode())
    with pytest.raises(RuntimeError):
        worker.start(house.task().model_dump_json().encode())
    worker.stop("job", "cancelled")
    assert drain(worker)[1].state == "cancelled"
    assert worker.join(10)
    worker.start(house.task().model_dump_json().encode())
    assert drain(worker)[1].state == "succeeded"


def test_a_request_to_stop_another_job_is_not_meant_for_this_one(house: House) -> None:
    worker = Worker()
    worker.start(house.task().model_dump_json().encode())
    worker.stop("the one before", "cancelled")
    assert drain(worker)[1].state == "succeeded"


def test_a_poll_without_news_ends(house: House) -> None:
    began = time.monotonic()
    assert Batch.model_validate_json(Worker().poll(0.05)) == Batch()
    assert time.monotonic() - began < 5


def proposed(worker: Worker) -> Proposal:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        batch = Batch.model_validate_json(worker.poll(1.0))
        if batch.proposal is not None:
            return batch.proposal
    raise AssertionError("no proposal")


def test_a_run_acts_on_its_plan_once_it_is_confirmed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "execute", plan_and_tell)
    worker = Worker()
    for number in (1, 2):
        worker.start(house.task().model_dump_json().encode())
        assert proposed(worker) == Proposal(number=number, plan=PLAN)
        worker.confirm(number - 1)
        assert Batch.model_validate_json(worker.poll(0.05)) == Batch(), "another's confirmation"
        worker.confirm(number)
        events, receipt = drain(worker)
        assert events[-1].payload == {"found": None, "committed": True}
        assert receipt.state == "succeeded"
        assert worker.join(10)


def test_a_run_that_is_to_stop_waits_for_no_confirmation(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "execute", plan_and_tell)
    worker = Worker()
    worker.start(house.task().model_dump_json().encode())
    proposed(worker)
    worker.stop("job", "cancelled")
    events, _ = drain(worker)
    assert events[-1].payload == {"found": None, "committed": False}


def test_a_plan_that_no_run_waits_for_is_not_handed_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "execute", plan_and_tell)
    worker = Worker()
    worker.start(house.task(max_seconds=0.1).model_dump_json().encode())
    assert worker.join(10)
    batch = Batch.model_validate_json(worker.poll(1.0))
    assert batch.proposal is None
    assert batch.receipt is not None


def test_numbers_that_do_not_exist_cross_as_null() -> None:
    batch = Batch(events=(Event(kind="progress", payload={"rate": float("nan")}),))
    assert Batch.model_validate_json(batch.model_dump_json()).events[0].payload == {"rate": None}
