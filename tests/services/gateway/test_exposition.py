"""What Prometheus reads of the service: the database's counts, in families that it understands."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.deps import Deps
from services.gateway.exposition import expose
from tests.services.gateway.ended import BODY
from tests.services.gateway.web import Web
from workers.engines import ENGINES
from workers.jobs import JobState
from workers.measures import ENDED, LOST, MEASURES, RUN, Tally
from workers.store.census import Census
from workers.store.errors import StoreUnavailableError
from workers.store.presence import Presence

NOTHING = Census(queued=0, running=0, oldest_seconds=0.0, stored={"jobs": 0}, presence=Presence())


def samples(text: str) -> dict[str, float]:
    """Values by name and labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            assert f"{sample.name}{{{labels}}}" not in found
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def exposed(counts: Any) -> dict[str, float]:
    return samples(expose(NOTHING, counts, None).decode())


def test_histograms_are_cumulative() -> None:
    tally = Tally()
    for value in (0.01, 0.07, 0.08, 1e6):
        tally.observe(RUN, value, engine="nuts")
    found = exposed(tally.take())
    name = "credence_job_run_seconds"
    assert found[f"{name}_bucket{{engine=nuts,le=0.05}}"] == 1
    assert found[f"{name}_bucket{{engine=nuts,le=0.1}}"] == 3
    assert found[f"{name}_bucket{{engine=nuts,le=36000.0}}"] == 3
    assert found[f"{name}_bucket{{engine=nuts,le=+Inf}}"] == 4
    assert found[f"{name}_count{{engine=nuts}}"] == 4
    assert found[f"{name}_sum{{engine=nuts}}"] == pytest.approx(1e6 + 0.16)


def test_counts_of_another_version_do_no_harm() -> None:
    counts = {
        (RUN.name, '{"engine":"nuts"}', "0.07"): 2.0,
        (RUN.name, '{"engine":"nuts"}', "sum"): 0.1,
        (RUN.name, '{"queue":"x"}', "0.05"): 5.0,
        (LOST.name, '{"cause":"worker"}', ""): 3.0,
        ("credence_forgotten", "{}", ""): 7.0,
    }
    found = exposed(counts)
    assert found["credence_job_run_seconds_bucket{engine=nuts,le=0.05}"] == 0
    assert found["credence_job_run_seconds_bucket{engine=nuts,le=0.1}"] == 2
    assert found["credence_leases_lost_total{cause=worker}"] == 3
    assert not any("queue=" in name or "forgotten" in name for name in found)


def test_every_measure_is_a_family_also_before_anything_was_counted() -> None:
    text = expose(NOTHING, {}, None).decode()
    for measure in MEASURES:
        kind = "histogram" if measure.buckets else "counter"
        name = measure.name if measure.buckets else f"{measure.name}_total"
        assert f"# TYPE {name} {kind}\n" in text
    assert "credence_artifacts_free_bytes" not in text


def test_labels_take_few_values() -> None:
    tally = Tally()
    for engine in ENGINES:
        for state in JobState:
            tally.count(ENDED, engine=engine, state=str(state))
            tally.observe(RUN, 1.0, engine=engine)
    assert len(exposed(tally.take())) < 1000


def test_the_gateway_shows_what_the_database_holds(web: Web, deps: Deps) -> None:
    assert web.post("/v1/jobs", BODY).status_code == 202
    deps.store.announce("here:1", 2)
    tally = Tally()
    tally.count(LOST, 4, cause="silent")
    deps.store.upkeep.tally(tally.take())
    found = samples(web.get("/metrics").text)
    assert found["credence_jobs{state=queued}"] == 1
    assert found["credence_jobs{state=running}"] == 0
    assert found["credence_queue_oldest_seconds{}"] >= 0
    assert found["credence_workers{}"] == 2
    assert found["credence_dispatchers{}"] == 1
    assert found["credence_stored_bytes{kind=jobs}"] > 0
    assert found["credence_artifacts_free_bytes{}"] > 0
    assert found["credence_leases_lost_total{cause=silent}"] == 4
    assert found["credence_jobs_submitted_total{engine=nuts}"] == 1
    assert found["credence_request_bytes_total{route=/v1/jobs}"] > 100
    assert found["credence_response_bytes_total{route=/v1/jobs}"] > 100


def test_a_database_that_is_away_leaves_the_gateways_own_counts(
    web: Web, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(seconds: float) -> Census:
        raise StoreUnavailableError

    monkeypatch.setattr(deps.store.upkeep, "census", away)
    web.get("/healthz")
    text = web.get("/metrics").text
    assert 'route="/healthz"' in text
    assert "credence_workers" not in text
