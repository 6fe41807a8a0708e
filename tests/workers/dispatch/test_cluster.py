"""The same jobs on Ray actors, and what happens when these die or hang."""

import os
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import torch
from structlog.testing import capture_logs

from tests.workers.dispatch.conftest import SECRET
from tests.workers.dispatch.house import LONG, PLAN, House
from workers import confinement
from workers.dispatch import actor, cluster
from workers.dispatch.actor import Worker
from workers.dispatch.backend import MemoryLostError, WorkerLostError
from workers.dispatch.cluster import ClusterBackend
from workers.dispatch.cluster_run import ClusterRun
from workers.dispatch.seat import Seat
from workers.dispatch.task import Footprint, Receipt, Task
from workers.execute import Emit
from workers.jobs import JobState
from workers.plan import Plan
from workers.sink import Control

pytestmark = pytest.mark.ray


def test_a_job_becomes_a_result(house: House, warm_cluster: ClusterBackend) -> None:
    with house.dispatching(warm_cluster):
        job = house.wait(house.submit())
    assert job.state is JobState.SUCCEEDED
    assert 1.0 < house.result(job)["summary"]["mu"]["mean"] < 3.0
    assert house.states(job) == ["queued", "running", "succeeded"]


def test_a_tiny_jobs_overhead_is_milliseconds(house: House, warm_cluster: ClusterBackend) -> None:
    overheads = []
    with house.dispatching(warm_cluster):
        for _ in range(5):
            began = time.monotonic()
            job = house.wait(house.submit())
            took = time.monotonic() - began
            overheads.append(took - house.result(job)["timing"]["total"])
    # About 30 ms on an idle machine, most of them the disk's; the bound is for a busy one.
    assert min(overheads) < 0.5


def test_jobs_run_side_by_side(house: House, warm_cluster: ClusterBackend) -> None:
    with house.dispatching(warm_cluster):
        jobs = [house.submit(LONG), house.submit(LONG)]
        for job in jobs:
            house.wait_for_phase(job)
        for job in jobs:
            house.cancel(job)
        assert {house.wait(job).state for job in jobs} == {JobState.CANCELLED}


def test_cancelling_keeps_what_was_computed(house: House, warm_cluster: ClusterBackend) -> None:
    with house.dispatching(warm_cluster):
        job = house.submit(LONG)
        house.wait_for_phase(job)
        asked = time.monotonic()
        house.cancel(job)
        ended = house.wait(job)
        taken = time.monotonic() - asked
    assert ended.state is JobState.CANCELLED
    assert taken < 2.0
    assert house.result(ended)["partial"] is True


def test_a_worker_is_confined_and_knows_no_secret(
    house: House, warm_cluster: ClusterBackend
) -> None:
    with house.dispatching(warm_cluster):
        job = house.submit(LONG)
        house.wait_for_phase(job)
        (process,) = warm_cluster.busy()
        there = Path(f"/proc/{process}")
        environment, status = (there / "environ").read_bytes(), (there / "status").read_text()
        limits = (there / "limits").read_text()
        tasks = [path.read_text() for path in there.glob("task/*/status")]
        house.cancel(job)
        house.wait(job)
    assert SECRET.encode() not in environment
    assert re.search(r"NoNewPrivs:\s+1\b", status)
    assert re.search(r"Max address space\s+\d+", limits)
    assert re.search(r"Max core file size\s+0\b", limits)
    # The job's thread has a filter of system calls more than those that speak to Ray.
    filters = {int(n) for text in tasks for n in re.findall(r"Seccomp_filters:\s+(\d+)", text)}
    assert len(filters) == 2


def test_a_killed_workers_job_runs_again_to_its_end(
    house: House, warm_cluster: ClusterBackend
) -> None:
    with house.dispatching(warm_cluster):
        # Seconds of sampling: the kill falls into it.
        job = house.submit({**LONG, "draws": 200_000})
        house.wait_for_phase(job)
        (process,) = warm_cluster.busy()
        os.kill(process, signal.SIGKILL)
        ended = house.wait(job, seconds=120)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 2)
    assert house.states(job) == ["queued", "running", "queued", "running", "succeeded"]
    assert house.result(ended)["diagnostics"]["divergences"] is not None


def test_a_worker_that_the_system_kills_for_want_of_memory_is_told_so(
    house: House, warm_cluster: ClusterBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "vmstat"
    counter.write_text("oom_kill 2\n")
    monkeypatch.setattr(confinement, "_KILLS", (counter,))
    with house.dispatching(warm_cluster):
        job = house.submit(LONG)
        house.wait_for_phase(job)
        (process,) = warm_cluster.busy()
        # As the kernel does it.
        counter.write_text("oom_kill 3\n")
        os.kill(process, signal.SIGKILL)
        said: list[str] = []
        end = time.monotonic() + 60
        while not any("lost" in message for message in said):
            assert time.monotonic() < end
            events = house.store.events(job.id, limit=100_000)
            said = [e.payload["message"] for e in events if e.kind == "log"]
            time.sleep(0.05)
        house.cancel(job)
        house.wait(job, seconds=60)
    (lost,) = (message for message in said if "lost" in message)
    assert re.fullmatch(
        r"attempt 1 was lost: the worker died, killed because no memory was left "
        r"\(it held \d+\.\d GiB at most, of \d+\.\d GiB there\)",
        lost,
    )


def test_how_a_worker_ended_is_read_from_what_is_known(warm_cluster: ClusterBackend) -> None:
    (seat, *_) = warm_cluster._idle
    here, there = (
        ClusterRun(warm_cluster, warm_cluster._ray, seat, "job", None, own=own)
        for own in (True, False)
    )
    for run in (here, there):
        assert type(run._lost("it died", "of age")) is WorkerLostError
        assert run._lost("it died", "of age").detail == "it died: of age"
        # Ray's own watch over the node's memory.
        assert isinstance(run._lost("it died", killed=True), MemoryLostError)
        run._footprint = Footprint(held=19 << 30, there=20 << 30)
    # This machine counts them; of another one, how full it was tells.
    assert type(here._lost("it died")) is WorkerLostError
    assert isinstance(there._lost("its node is gone"), MemoryLostError)
    assert "19.0 GiB at most, of 20.0 GiB there" in there._lost("its node is gone").detail
    there._footprint = Footprint(held=10 << 30, there=20 << 30)
    assert type(there._lost("its node is gone")) is WorkerLostError
    assert "10.0 GiB at most" in there._lost("its node is gone").detail


def test_a_killed_workers_job_goes_on_from_its_checkpoint(
    house: House, warm_cluster: ClusterBackend
) -> None:
    with house.dispatching(warm_cluster):
        jobs = [house.submit({**LONG, "draws": 300_000}, tier="compiled") for _ in range(2)]
        for job in jobs:
            house.wait_for_checkpoint(job)
        os.kill(warm_cluster.busy()[0], signal.SIGKILL)
        ended = [house.wait(job, seconds=200) for job in jobs]
    assert sorted(job.attempts for job in ended) == [1, 2]
    one, other = (house.result(job) for job in ended)
    assert one["summary"] == other["summary"]
    assert one["diagnostics"] == other["diagnostics"]
    (twice,) = (job for job in ended if job.attempts == 2)
    said = [e.payload["message"] for e in house.store.events(twice.id) if e.kind == "log"]
    assert any(message.startswith("attempt 1 was lost: the worker died") for message in said)
    assert any(message.startswith("goes on from step") for message in said)
    names = {key.rpartition("/")[2] for key in house.artifacts.list(f"jobs/{twice.id}")}
    assert names == {"draws.arrow", "stats.arrow", "result.json", "state"}, "tidied up"


def test_a_step_that_never_returns_is_ended_by_force(
    house: House, warm_cluster: ClusterBackend
) -> None:
    with house.dispatching(warm_cluster, grace_seconds=1.0):
        job = house.submit(LONG)
        house.wait_for_phase(job)
        (process,) = warm_cluster.busy()
        # Hung as native code hangs: it hears nothing, neither the request nor Ray's kill.
        os.kill(process, signal.SIGSTOP)
        asked = time.monotonic()
        house.cancel(job)
        ended = house.wait(job, seconds=30)
        taken = time.monotonic() - asked
    assert ended.state is JobState.CANCELLED
    assert taken < 5.0
    end = time.monotonic() + 10
    while (Path("/proc") / str(process)).exists():
        assert time.monotonic() < end, "the process is still there"
        time.sleep(0.05)


#: A log density whose gradient takes half a minute: fifty products of large matrices.
DEAR = {
    "language": "pyro",
    "source": "def model(y):\n"
    "    mu = pyro.sample('mu', dist.Normal(0., 1.))\n"
    "    w = eye(1200) * (1. + 1e-3 * mu)\n"
    "    z = w\n"
    "    for i in range(50):\n"
    "        z = z @ w\n"
    "    pyro.factor('f', 1e-9 * sum(z))\n"
    "    pyro.sample('y', dist.Normal(mu, 1.), obs=y)\n",
}
#: A program that goes on for ever where a chain comes to a number above 1.
ENDLESS = {
    "language": "stan",
    "source": "parameters { real a; } model {\n"
    "  real x = a; while (x > 1) { x += 1e-12; x -= 1e-12; } a ~ normal(0, 5); }",
}


@pytest.mark.parametrize(
    ("definition", "data", "how"), [(DEAR, {"y": 1.0}, "cancel"), (ENDLESS, {}, "limit")]
)
def test_what_hears_nothing_is_ended_by_force(
    house: House,
    warm_cluster: ClusterBackend,
    definition: dict[str, Any],
    data: dict[str, Any],
    how: str,
) -> None:
    limits = {"max_seconds": 3.0 if how == "limit" else 3600.0}
    with house.dispatching(warm_cluster, grace_seconds=5.0):
        job = house.submit(LONG, definition=definition, data=data, limits=limits)
        house.wait(job, JobState.RUNNING)
        time.sleep(3.0)
        asked = time.monotonic()
        if how == "cancel":
            house.cancel(job)
        ended = house.wait(job, seconds=60)
        taken = time.monotonic() - asked
        assert taken < 10.0
        assert ended.state is (JobState.CANCELLED if how == "cancel" else JobState.EXPIRED)
        # Nothing of it goes on.
        assert _busy_stan_programs() == []
        good = house.wait(house.submit(), seconds=120)
    assert good.state is JobState.SUCCEEDED


def _busy_stan_programs() -> list[int]:
    """The processes of Stan programs on this machine that compute: others wait for a program."""
    # A moment to end.
    time.sleep(1.0)
    before = _stan_programs()
    time.sleep(0.5)
    return [process for process, used in _stan_programs().items() if used > before.get(process, 0)]


def _stan_programs() -> dict[int, int]:
    """The processes of Stan programs on this machine, and the clock ticks that they have used."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"models.stan.child" in (entry / "cmdline").read_bytes():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return found


def idle(pool: ClusterBackend) -> list[int]:
    """Return the processes of the workers that have no task."""
    return [seat.process for seat in pool._idle if seat.process is not None]


def wear_out_next(pool: ClusterBackend, patch: pytest.MonkeyPatch) -> None:
    """Let the worker of the next job be worn by it, and not spent."""
    patch.setattr(pool, "_jobs_per_worker", 1000)
    patch.setattr(next(seat for seat in pool._idle if not seat.gpus), "jobs", 999)


def test_an_idle_worker_that_dies_is_replaced(warm_cluster: ClusterBackend) -> None:
    dead = idle(warm_cluster)[0]
    os.kill(dead, signal.SIGKILL)
    end = time.monotonic() + 10
    while warm_cluster.warm() == 2:
        assert time.monotonic() < end, "it still counts"
        time.sleep(0.05)
    while warm_cluster.free() < 2:
        assert time.monotonic() < end + 120
        time.sleep(0.05)
    assert dead not in idle(warm_cluster)


def test_a_worker_that_died_before_its_job_came_costs_no_attempt(
    house: House, warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a worker elsewhere, nobody tells of the death of one that has nothing to do.
    monkeypatch.setattr(cluster, "_lives", lambda process: True)
    for process in idle(warm_cluster):
        os.kill(process, signal.SIGKILL)
    time.sleep(1.0)
    with house.dispatching(warm_cluster):
        job = house.wait(house.submit(), seconds=120)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 1)


def test_a_job_for_a_worker_that_hangs_is_cancelled_in_time(
    house: House, warm_cluster: ClusterBackend
) -> None:
    for process in idle(warm_cluster):
        os.kill(process, signal.SIGSTOP)
    with house.dispatching(warm_cluster, grace_seconds=1.0):
        jobs = [house.submit(LONG), house.submit(LONG)]
        for job in jobs:
            house.wait(job, JobState.RUNNING)
        asked = time.monotonic()
        for job in jobs:
            house.cancel(job)
        states = {house.wait(job, seconds=30).state for job in jobs}
        taken = time.monotonic() - asked
    assert states == {JobState.CANCELLED}
    assert taken < 5.0


@pytest.fixture
def planners(
    warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterBackend]:
    """The same pool with two other actors in it, whose runs only commit a plan."""

    class Planner(Worker):
        # Local, so that its code is sent along: the actor's process has no tests.
        def __init__(self, plan: bytes) -> None:
            super().__init__(1)

            def plan_and_tell(
                task: Task, emit: Emit, control: Control, cache: object, device: str
            ) -> Receipt:
                began = time.monotonic()
                done = task.plan is not None or control.commit(Plan.model_validate_json(plan))
                emit("log", {"found": task.plan, "seconds": time.monotonic() - began})
                structlog.get_logger().warning("planned", action="plan", number=7)
                return Receipt(state="succeeded" if done else "cancelled")

            actor.execute = plan_and_tell

    ray, (node,) = warm_cluster._ray, {seat.node for seat in warm_cluster._idle}
    make = ray.remote(Planner).options(num_cpus=0, max_concurrency=4)
    seats = [Seat(make.remote(PLAN.model_dump_json().encode()), None, node) for _ in range(2)]
    ray.get([seat.actor.poll.remote(0.0) for seat in seats], timeout=120)
    with monkeypatch.context() as other:
        other.setattr(warm_cluster, "_idle", deque(seats))
        other.setattr(warm_cluster, "_starting", [])
        yield warm_cluster
        for seat in (*seats, *warm_cluster._starting):
            ray.kill(seat.actor)


def test_a_plan_is_confirmed_in_milliseconds(house: House, planners: ClusterBackend) -> None:
    waits = []
    with house.dispatching(planners):
        for _ in range(5):
            job = house.wait(house.submit())
            assert (job.state, job.plan) == (JobState.SUCCEEDED, PLAN.model_dump(mode="json"))
            (told,) = (e.payload for e in house.store.events(job.id) if "found" in e.payload)
            assert told["found"] is None
            waits.append(told["seconds"])
    # About 10 ms on an idle machine; the bound is for a busy one.
    assert min(waits) < 0.5


def test_what_a_worker_logs_comes_to_the_dispatchers_log(
    house: House, planners: ClusterBackend
) -> None:
    with capture_logs() as logs, house.dispatching(planners):
        job = house.wait(house.submit())
    (line,) = (line for line in logs if line["event"] == "planned")
    assert (line["job"], line["owner"], line["role"]) == (job.id, "", "worker")
    assert (line["log_level"], line["action"], line["number"]) == ("warning", "plan", 7)
    assert (line["attempt"], line["host"]) == (1, socket.gethostname())


def test_the_next_attempt_finds_the_plan(
    house: House, planners: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker dies with its plan on the row, before it hears so.
    kill = planners._ray.kill
    monkeypatch.setattr(ClusterRun, "confirm", lambda run, _: kill(run._seat.actor))
    with house.dispatching(planners):
        job = house.wait(house.submit(), seconds=120)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 2)
    (told,) = (e.payload for e in house.store.events(job.id) if "found" in e.payload)
    assert told["found"] == job.plan == PLAN.model_dump(mode="json")


def test_cancelling_ends_the_wait_for_a_plan(
    house: House, planners: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody answers.
    asked = threading.Event()
    monkeypatch.setattr(ClusterRun, "confirm", lambda *_: asked.set())
    with house.dispatching(planners):
        job = house.submit()
        assert asked.wait(30)
        house.cancel(job)
        ended = house.wait(job)
    assert (ended.state, ended.result_prefix) == (JobState.CANCELLED, None)


def test_a_worn_worker_is_replaced(
    house: House, warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_cluster, "_jobs_per_worker", 1)
    with house.dispatching(warm_cluster):
        jobs = [house.submit() for _ in range(5)]
        # Four jobs spend both workers at the least, and the fifth is a new one's.
        assert {house.wait(job, seconds=120).state for job in jobs} == {JobState.SUCCEEDED}


def test_a_worn_worker_stays_until_its_successor_is_warm(
    house: House, warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(idle(warm_cluster))
    with monkeypatch.context() as wear:
        wear_out_next(warm_cluster, wear)
        with house.dispatching(warm_cluster):
            house.wait(house.submit())
            end = time.monotonic() + 120
            while set(idle(warm_cluster)) == before:
                assert warm_cluster.warm() == 2 + warm_cluster.gpus(), "none is missing meanwhile"
                assert time.monotonic() < end, "no successor comes"
                time.sleep(0.05)
                warm_cluster.free()
    after = set(idle(warm_cluster))
    (gone,), (_,) = before - after, after - before
    assert warm_cluster.warm() == 2 + warm_cluster.gpus()
    while Path(f"/proc/{gone}").exists():
        assert time.monotonic() < end, "it stays behind"
        time.sleep(0.05)


def test_a_worn_worker_that_is_busy_goes_after_its_job(
    house: House, warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(idle(warm_cluster))
    with monkeypatch.context() as wear:
        wear_out_next(warm_cluster, wear)
        with house.dispatching(warm_cluster):
            house.wait(house.submit())
            # The worn one and the other, which is not: both are busy when the successor comes.
            jobs = [house.submit(LONG), house.submit(LONG)]
            end = time.monotonic() + 120
            while set(warm_cluster.busy()) != before or warm_cluster.free() == 0:
                assert time.monotonic() < end, "no successor comes, or one loses its job"
                time.sleep(0.05)
            wear.undo()
            for job in jobs:
                house.cancel(job)
            assert {house.wait(job).state for job in jobs} == {JobState.CANCELLED}
    assert len(before & set(idle(warm_cluster))) == 1


def test_a_worker_of_another_version_is_refused_for_good(
    house: House, warm_cluster: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = warm_cluster.trouble()
    try:
        with monkeypatch.context() as other:
            other.setattr(warm_cluster, "_version", "99.0")
            other.setattr(warm_cluster, "_jobs_per_worker", 1)
            for seat in warm_cluster._idle:
                other.setattr(seat, "jobs", 0)
            with house.dispatching(warm_cluster):
                # Its worker is worn afterwards, and the successor is of "another" version.
                house.wait(house.submit())
                end = time.monotonic() + 120
                while warm_cluster.trouble() == before:
                    assert time.monotonic() < end
                    time.sleep(0.05)
                time.sleep(1.0)
                assert warm_cluster.warm() == 2 + warm_cluster.gpus(), "no other, and it stays"
                # They take turns: the third job spends the first one's worker.
                for _ in range(2):
                    house.wait(house.submit())
                assert warm_cluster.warm() == 1 + warm_cluster.gpus(), "no other is started"
        assert re.fullmatch(
            r"refused, because this is version \S+: \S+ \(version \S+\)",
            warm_cluster.trouble() or "",
        )
    finally:
        # As if the node had left and come back.
        nodes = warm_cluster._nodes
        warm_cluster._settle({})
        warm_cluster._settle(nodes)
    assert "refused" not in (warm_cluster.trouble() or "")


def test_a_gpu_gets_a_worker_and_a_job_that_asks_for_it(
    house: House, warm_cluster: ClusterBackend
) -> None:
    if not torch.cuda.is_available():
        # Ray was told of one that there is not.
        assert re.fullmatch(r"a GPU that torch cannot use .*: \S+", warm_cluster.trouble() or "")
        assert warm_cluster.gpus() == warm_cluster.free(gpus=1) == 0
        return
    with house.dispatching(warm_cluster):
        job = house.wait(house.submit(resources={"gpus": 1}), seconds=120)
    assert job.state is JobState.SUCCEEDED
    assert house.result(job)["device"] == torch.cuda.get_device_name()
