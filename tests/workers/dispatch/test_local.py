"""Real models through the dispatcher and workers in this process."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from models.cache import Cache
from tests.workers.dispatch.house import LONG, PLAN, SHORT, House
from tests.workers.dispatch.planner import plan_and_tell
from tests.workers.slow_compiler import slow_compiler
from workers.dispatch import actor
from workers.dispatch.backend import WorkerLostError
from workers.dispatch.local import LocalBackend
from workers.dispatch.task import Receipt, Task
from workers.execute import Emit
from workers.jobs import JobState
from workers.sink import Control


def test_a_job_becomes_a_result(house: House) -> None:
    with house.dispatching(LocalBackend()):
        job = house.wait(house.submit())
    assert job.state is JobState.SUCCEEDED
    result = house.result(job)
    assert result["outcome"] == "completed"
    assert result["engine"]["draws"] == 50
    assert result["engine"]["target_accept"] > 0, "defaults are filled in"
    assert result["seed"] == 7
    assert result["precision"] == "float64"
    assert 1.0 < result["summary"]["mu"]["mean"] < 3.0
    timing = result["timing"]
    assert timing["total"] >= timing["compile"] + timing["warmup"] + timing["sample"] > 0
    assert "partial" not in result
    assert "mle" not in result
    kinds = {event.kind for event in house.store.events(job.id)}
    assert kinds >= {"state", "progress"}
    assert house.states(job) == ["queued", "running", "succeeded"]


def test_the_same_seed_gives_the_same_numbers(house: House) -> None:
    with house.dispatching(LocalBackend(2)):
        jobs = [house.submit(), house.submit()]
        first, second = [house.result(house.wait(job))["summary"] for job in jobs]
    assert first == second


def test_cancelling_keeps_what_was_computed(house: House) -> None:
    with house.dispatching(LocalBackend()):
        job = house.submit(LONG)
        house.wait_for_phase(job)
        asked = time.monotonic()
        house.cancel(job)
        ended = house.wait(job)
        taken = time.monotonic() - asked
    assert ended.state is JobState.CANCELLED
    assert taken < 2.0
    result = house.result(ended)
    assert result["partial"] is True
    assert result["outcome"] == "stopped"
    assert 1.0 < result["summary"]["mu"]["mean"] < 3.0


def test_a_job_past_its_limit_expires_with_its_draws(house: House) -> None:
    with house.dispatching(LocalBackend()):
        # The first job of a process imports what computes, which may take the whole two seconds.
        house.wait(house.submit())
        ended = house.wait(house.submit(LONG, limits={"max_seconds": 2.0}))
    assert ended.state is JobState.EXPIRED
    assert house.result(ended)["partial"] is True


def test_a_compiler_at_work_keeps_no_job_from_being_cancelled(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_compiler(tmp_path, monkeypatch) as compiler, house.dispatching(LocalBackend()):
        job = house.submit(LONG, tier="compiled")
        compiler.wait()
        asked = time.monotonic()
        house.cancel(job)
        ended = house.wait(job)
        taken = time.monotonic() - asked
        # The worker takes the next job, which needs no compiler.
        assert house.wait(house.submit(tier="interpreted")).state is JobState.SUCCEEDED
    assert ended.state is JobState.CANCELLED
    assert taken < 2.0


def test_a_compiler_at_work_keeps_no_job_from_its_deadline(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_compiler(tmp_path, monkeypatch), house.dispatching(LocalBackend()):
        began = time.monotonic()
        ended = house.wait(house.submit(LONG, tier="compiled", limits={"max_seconds": 1.0}))
        taken = time.monotonic() - began
    assert ended.state is JobState.EXPIRED
    assert taken < 3.0


def test_a_mistake_in_the_data_is_told_with_its_path(house: House) -> None:
    with house.dispatching(LocalBackend()):
        job = house.submit(data={"y": [1.0, 2.0], "sigma": [1.0, 2.0, 3.0]})
        ended = house.wait(job)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error["type"].endswith(":model-error")
    assert ended.error["errors"][0].keys() == {"path", "message"}
    assert ended.result_prefix is None


def test_a_plan_is_on_the_row_before_the_run_acts_on_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    waits: list[float] = []

    def look(task: Task, emit: Emit, control: Control, cache: Cache | None, device: str) -> Receipt:
        began = time.monotonic()
        receipt = plan_and_tell(task, emit, control, cache, device)
        waits.append(time.monotonic() - began)
        seen.append(house.store.get_job(None, task.job).plan)
        return receipt

    monkeypatch.setattr(actor, "execute", look)
    with house.dispatching(LocalBackend()):
        for _ in range(5):
            assert house.wait(house.submit()).state is JobState.SUCCEEDED
    assert seen == [PLAN.model_dump(mode="json")] * 5
    # About 5 ms on an idle machine, most of them the disk's; the bound is for a busy one.
    assert min(waits) < 0.2


def test_a_job_that_was_put_back_finds_its_plan(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    committed = threading.Event()

    def dawdle(
        task: Task, emit: Emit, control: Control, cache: Cache | None, device: str
    ) -> Receipt:
        found.append(task.plan)
        receipt = plan_and_tell(task, emit, control, cache, device)
        committed.set()
        while len(found) == 1 and control.stop() is None:
            time.sleep(0.005)
        return receipt

    monkeypatch.setattr(actor, "execute", dawdle)
    with house.dispatching(LocalBackend()):
        job = house.submit()
        assert committed.wait(30)
    with house.dispatching(LocalBackend()):
        assert house.wait(job).state is JobState.SUCCEEDED
    assert found == [None, PLAN.model_dump(mode="json")]


def test_cancelling_ends_the_wait_for_a_plan(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    record = house.store.record_plan
    asked, answered = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> bool:
        asked.set()
        assert answered.wait(30)
        return record(*arguments)

    def tell(task: Task, emit: Emit, control: Control, cache: Cache | None, device: str) -> Receipt:
        receipt = plan_and_tell(task, emit, control, cache, device)
        answered.set()
        return receipt

    monkeypatch.setattr(actor, "execute", tell)
    monkeypatch.setattr(house.store, "record_plan", slow)
    with house.dispatching(LocalBackend()):
        job = house.submit()
        assert asked.wait(30)
        house.cancel(job)
        assert house.wait(job).state is JobState.CANCELLED
    told = [event.payload for event in house.store.events(job.id)]
    assert {"found": None, "committed": False} in told


def test_a_full_pool_takes_no_job(house: House) -> None:
    backend = LocalBackend()
    run = backend.start(house.task(LONG))
    assert backend.free() == 0
    with pytest.raises(WorkerLostError):
        backend.start(house.task(SHORT))
    run.kill()
    assert backend.free() == 1


def test_a_job_that_asks_for_a_gpu_is_given_to_a_worker_with_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []

    def look(task: Task, emit: Emit, control: Control, cache: Cache | None, device: str) -> Receipt:
        devices.append((task.gpus, device))
        return Receipt(state=JobState.SUCCEEDED)

    monkeypatch.setattr(actor, "execute", look)
    with house.dispatching(LocalBackend(1, "elsewhere")):
        for gpus in (0, 1, 1, 0):
            house.wait(house.submit(resources={"gpus": gpus}))
    assert devices == [(0, "cpu"), (1, "elsewhere"), (1, "elsewhere"), (0, "cpu")]


def test_a_job_that_asks_for_a_gpu_waits_for_one(house: House) -> None:
    waiting = house.submit(resources={"gpus": 1})
    with house.dispatching(LocalBackend(2)):
        house.wait(house.submit())
    assert house.states(waiting) == ["queued"]
