"""The ledger: counts and spans of attempts, through the dispatcher and by itself."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from tests.workers.dispatch.house import House
from tests.workers.dispatch.scripted import ScriptedBackend
from workers.dispatch.backend import WorkerLostError
from workers.dispatch.ledger import Ledger
from workers.dispatch.local import LocalBackend
from workers.dispatch.task import Account, Batch, Phase, Receipt
from workers.store.errors import StoreUnavailableError
from workers.store.store import Store
from workers.telemetry import Telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ACCOUNT = Account(
    host="n1",
    engine="chees",
    tier="switched",
    compile_seconds=0.3,
    draws=400,
    divergences=2,
    ess_per_second=50.0,
    phases=(Phase(name="compile", began=1.0, ended=2.0), Phase(name="run", began=2.0, ended=5.0)),
)


def counted(store: Store) -> dict[str, float]:
    """Counts by name and labels, histograms by their number of values."""
    found: Counter[str] = Counter()
    for (name, labels, part), value in store.upkeep.measures().items():
        if part != "sum":
            found[f"{name}{labels}"] += value  # type: ignore[assignment]
    return dict(found)


def test_what_jobs_come_to_is_counted(house: House) -> None:
    backend = ScriptedBackend()
    error = {"type": "urn:credence:problem:model-error", "detail": "d"}
    with house.dispatching(backend):
        job = house.submit()
        backend.run(0).script.append(WorkerLostError("gone"))
        backend.run(1).end(Receipt(state="succeeded", result=True, account=ACCOUNT))
        house.wait(job)
        failed = house.submit()
        backend.run(2).end(Receipt(state="failed", error=error))
        house.wait(failed)
    assert counted(house.store) == {
        'credence_job_wait_seconds{"engine":"nuts"}': 2,
        'credence_job_run_seconds{"engine":"nuts"}': 2,
        'credence_jobs_ended{"engine":"nuts","state":"succeeded"}': 1,
        'credence_jobs_ended{"engine":"nuts","state":"failed"}': 1,
        'credence_leases_lost{"cause":"worker"}': 1,
        'credence_jobs_computed{"engine":"chees","tier":"switched"}': 1,
        "credence_job_compile_seconds{}": 1,
        'credence_draws{"engine":"chees"}': 400,
        'credence_divergences{"engine":"chees"}': 2,
        'credence_ess_per_second{"engine":"chees"}': 1,
    }


def test_lost_leases_are_counted_by_cause(house: House) -> None:
    backend = ScriptedBackend()
    house.submit()
    assert house.store.claim("silent", 0.2) is not None
    with house.dispatching(backend):
        run = backend.run(0)
        job = house.store.list_jobs(None)[0][0]
        # Another dispatcher finds the lease run out.
        house.store.heartbeat(job.id, 2, -1.0)
        house.store.requeue_expired()
        assert run.killed.wait(10)
        backend.run(1).end(Receipt(state="succeeded"))
        house.wait(job)
    found = counted(house.store)
    assert found['credence_leases_lost{"cause":"fenced"}'] == 1
    assert found['credence_leases_lost{"cause":"silent"}'] >= 1


def test_counts_that_cannot_be_stored_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    ledger.fall_silent()

    def away(counts: Any) -> None:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(house.store.upkeep, "tally", away)
        with pytest.raises(StoreUnavailableError):
            ledger.settle(house.store.upkeep)
    ledger.settle(house.store.upkeep)
    ledger.settle(house.store.upkeep)
    assert counted(house.store) == {'credence_leases_lost{"cause":"silent"}': 1}


def submitted(house: House, trail: dict[str, str]) -> str:
    job = house.submit()
    # As the gateway stores it.
    store = house.store
    request = {**job.request, "trail": trail}
    store.request_cancel(None, job.id)
    return store.submit("ann", request, job.definition, job.input_key)[0].id


def test_a_jobs_trace_goes_on_from_its_request(house: House) -> None:
    memory = InMemorySpanExporter()
    ledger = Ledger(Telemetry("credence-dispatcher", SimpleSpanProcessor(memory)))
    backend = ScriptedBackend()
    job = submitted(house, {"request": "r1", "traceparent": PARENT})
    with house.dispatching(backend, ledger=ledger):
        backend.run(0).script.append(WorkerLostError("gone"))
        task = backend.run(1).task
        backend.run(1).end(Receipt(state="succeeded", result=True, account=ACCOUNT))
        house.wait(house.store.get_job(None, job))
    wait, lost, compiled, ran, attempt = memory.get_finished_spans()
    assert [s.name for s in (wait, lost, attempt)] == ["wait", "attempt", "attempt"]
    assert [s.name for s in (compiled, ran)] == ["compile", "run"]
    for span in (wait, lost, attempt):
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert attempt.context is not None
    for span in (compiled, ran):
        assert span.parent is not None
        assert span.parent.span_id == attempt.context.span_id
    assert {f"{s.context.trace_id:032x}" for s in memory.get_finished_spans() if s.context} == {
        PARENT.split("-")[1]
    }
    assert lost.status.status_code is StatusCode.ERROR
    assert attempt.status.status_code is StatusCode.UNSET
    assert (attempt.attributes or {})["credence.job"] == job
    assert (attempt.attributes or {})["credence.state"] == "succeeded"
    assert (ran.start_time, ran.end_time) == (2_000_000_000, 5_000_000_000)
    # The worker is told of the attempt's own span, for its log.
    assert task.owner == "ann"
    assert task.trail.request == "r1"
    assert task.trail.traceparent == (
        f"00-{PARENT.split('-')[1]}-{attempt.context.span_id:016x}-01"
    )


def test_a_real_run_gives_its_account(house: House) -> None:
    backend = LocalBackend(1)
    with house.dispatching(backend):
        house.wait(house.submit())
    backend.close()
    found = counted(house.store)
    assert found['credence_draws{"engine":"nuts"}'] == 100
    assert found['credence_ess_per_second{"engine":"nuts"}'] == 1
    (tier,) = (name for name in found if name.startswith("credence_jobs_computed"))
    assert '"engine":"nuts"' in tier


def test_lines_of_a_worker_come_to_the_log(house: House) -> None:
    backend = ScriptedBackend()
    record = {"event": "not compiled", "level": "warning", "job": "j", "role": "worker"}
    with capture_logs() as logs, house.dispatching(backend):
        job = house.submit()
        backend.run(0).script.append(Batch(records=(record,)))
        backend.run(0).end(Receipt(state="succeeded"))
        house.wait(job)
    (told,) = (line for line in logs if line["event"] == "not compiled")
    assert (told["log_level"], told["job"], told["role"]) == ("warning", "j", "worker")
    ended = next(line for line in logs if line["event"] == "job ended")
    assert (ended["job"], ended["owner"]) == (job.id, "")


def test_waiting_is_measured_once(house: House) -> None:
    house.submit()
    claim = house.store.claim("w", 30)
    assert claim is not None
    long_ago = datetime.now(UTC) - timedelta(seconds=100)
    ledger = Ledger()
    for attempts in (1, 2):
        changes = {"created_at": long_ago, "attempts": attempts}
        ledger.open(claim.job.model_copy(update=changes)).close()
    ledger.settle(house.store.upkeep)
    found = house.store.upkeep.measures()
    name, labels = "credence_job_wait_seconds", '{"engine":"nuts"}'
    assert found[name, labels, "300.0"] == 1
    assert 99 < found[name, labels, "sum"] < 110
