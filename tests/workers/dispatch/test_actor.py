"""The worker without Ray: one task at a time, events in order, stops that come too late."""

import time

import pytest

from tests.workers.dispatch.house import LONG, House
from workers.dispatch.actor import RunControl, Worker
from workers.dispatch.task import Batch, Event, Receipt
from workers.sink import StopReason


def drain(worker: Worker) -> tuple[list[Event], Receipt]:
    events: list[Event] = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        batch = Batch.model_validate_json(worker.poll(1.0))
        events += batch.events
        if batch.receipt is not None:
            return events, batch.receipt
    raise AssertionError("no receipt")


def test_a_task_is_run_and_told(house: House) -> None:
    worker = Worker()
    worker.start(house.task().model_dump_json().encode())
    events, receipt = drain(worker)
    assert receipt == Receipt(state="succeeded", result=True)
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


def test_the_first_reason_to_stop_stands() -> None:
    control = RunControl(None)
    assert control.stop() is None
    control.ask(StopReason.CANCELLED)
    control.ask(StopReason.DEADLINE)
    assert control.stop() is StopReason.CANCELLED


def test_the_deadline_is_a_reason_once_it_has_passed() -> None:
    assert RunControl(3600.0).stop() is None
    assert RunControl(0.0).stop() is StopReason.DEADLINE


def test_numbers_that_do_not_exist_cross_as_null() -> None:
    batch = Batch(events=(Event(kind="progress", payload={"rate": float("nan")}),))
    assert Batch.model_validate_json(batch.model_dump_json()).events[0].payload == {"rate": None}
