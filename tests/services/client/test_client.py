"""The client over broken connections (scripted), and over the whole contract (a real service)."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services.client.attempts
from services.client import (
    Client,
    Event,
    InputError,
    JobTimeoutError,
    ProblemError,
    Result,
    UnreachableError,
)
from services.client.calls.datasets import create_dataset
from services.client.steps import Request
from tests.services.client.flaky import flaky
from tests.services.client.server import Answer, Script, serving

STATE = 'id: {}\nevent: state\ndata: {{"state": "{}"}}\n\n'
RUNNING, DONE = STATE.format(1, "running").encode(), STATE.format(3, "succeeded").encode()
LOG = b'id: 2\nevent: log\ndata: {"message": "m"}\n\n'

EIGHT = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}


def schools(y, sigma):
    # Non-centred.
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))  # noqa: F821
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))  # noqa: F821
    with pyro.plate("school", len(y)):  # noqa: F821
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))  # noqa: F821
        theta = pyro.deterministic("theta", mu + tau * eta)  # noqa: F821
        pyro.sample("effect", dist.Normal(theta, sigma), obs=y)  # noqa: F821


def test_a_submission_has_a_key_and_is_repeated_under_it(connect: Any) -> None:
    script = Script()
    script.on("POST /v1/jobs", Answer({}, 503, {"Retry-After": "0"}), Answer({"id": "j"}, 202))
    with serving(script) as url, connect(url) as client:
        job = client.submit({"language": "graph"}, {"y": np.arange(2)}, "mle", labels={"a": "b"})
        client.submit({"id": "m"}, engine={"kind": "vi", "steps": 5}, seed=3, idempotency_key="k")
    assert job == {"id": "j"}
    first, again, other = script.asked
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert other.headers["idempotency-key"] == "k"
    assert first.headers["content-type"] == "application/json"
    assert first.body == {
        "model": {"language": "graph"},
        "data": {"y": [0, 1]},
        "engine": {"kind": "mle"},
        "labels": {"a": "b"},
    }
    assert other.body["seed"] == 3
    assert other.body["engine"] == {"kind": "vi", "steps": 5}


def test_a_stream_that_breaks_goes_on_after_the_last_event(connect: Any) -> None:
    script = Script()
    script.on(
        "GET /v1/jobs/j/events",
        Answer(RUNNING + LOG[:20], broken=True),
        Answer({"detail": "busy"}, 503),
        # A server that does not know Last-Event-ID tells the first event again.
        Answer(RUNNING + LOG),
        Answer(DONE),
    )
    script.on("GET /v1/jobs/j", Answer({"id": "j", "state": "running"}))
    with serving(script) as url, connect(url) as client:
        events = list(client.events("j"))
    assert events == [
        Event(1, "state", {"state": "running"}),
        Event(2, "log", {"message": "m"}),
        Event(3, "state", {"state": "succeeded"}),
    ]
    streams = [asked for asked in script.asked if asked.path.endswith("/events")]
    assert [asked.headers.get("last-event-id") for asked in streams] == [None, "1", "1", "2"]


def test_a_service_that_stays_away_is_unreachable(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    monkeypatch.setattr(
        services.client.attempts, "pause", lambda attempt: tries.append(attempt) or 0
    )
    with serving(Script()) as url:
        pass
    with connect(url) as client, pytest.raises(UnreachableError):
        list(client.events("j"))
    assert tries == list(range(1, 13))


def test_a_stream_ends_when_the_job_has_ended_and_nothing_is_left_to_tell(connect: Any) -> None:
    script = Script()
    script.on("GET /v1/jobs/j/events", Answer(b""))
    script.on("GET /v1/jobs/j", Answer({"id": "j", "state": "cancelled"}))
    with serving(script) as url, connect(url) as client:
        assert list(client.events({"id": "j"}, after=3)) == []


def test_waiting_has_an_end(connect: Any) -> None:
    script = Script()
    script.on("GET /v1/jobs/j/events", Answer(RUNNING))
    script.on("GET /v1/jobs/j", Answer({"id": "j", "state": "running"}))
    with serving(script) as url, connect(url) as client, pytest.raises(JobTimeoutError) as caught:
        client.wait("j", timeout=0.5)
    assert str(caught.value) == "job j did not end within 0.5 s; it goes on"


def test_a_job_that_is_not_there_is_a_problem_at_once(connect: Any) -> None:
    with serving(Script()) as url, connect(url) as client, pytest.raises(ProblemError):
        client.wait("none")


def test_jobs_come_page_by_page(connect: Any) -> None:
    script = Script()
    script.on(
        "GET /v1/jobs",
        Answer({"jobs": [{"id": "a"}, {"id": "b"}], "next_page_token": "t"}),
        Answer({"jobs": [{"id": "c"}], "next_page_token": None}),
    )
    with serving(script) as url, connect(url) as client:
        assert [job["id"] for job in client.jobs(state="queued", page_size=2)] == ["a", "b", "c"]
    assert script.asked[1].path == "/v1/jobs?state=queued&page_size=2&page_token=t"


def test_data_that_cannot_be_sent_never_leave(connect: Any) -> None:
    script = Script()
    with serving(script) as url, connect(url) as client, pytest.raises(InputError, match=r"y\[1\]"):
        client.submit(schools, {"y": [1.0, float("nan")]})
    assert script.asked == []


RESULT = {"job": "j0", "outcome": "converged", "engine": {"kind": "mle"}, "seed": 1}


def test_a_fit_is_submitted_waited_for_and_read(connect: Any) -> None:
    script = Script()
    script.on("POST /v1/jobs", Answer({"id": "j0"}, 202))
    script.on("GET /v1/jobs/j0/events", Answer(RUNNING + LOG + DONE))
    script.on("GET /v1/jobs/j0", Answer({"id": "j0", "state": "succeeded"}))
    script.on("GET /v1/jobs/j0/result", Answer(RESULT))
    script.on("GET /v1/jobs/j0/draws", Answer(b"chain,draw\n"))
    seen: list[Event] = []
    with serving(script) as url, connect(url) as client:
        found = client.fit(
            {"id": "m"}, engine="mle", seed=1, labels={"a": "b"}, progress=seen.append
        )
        assert client.draws_as(found, "csv") == b"chain,draw\n"
    assert isinstance(found, Result)
    assert dict(found) == RESULT
    assert [event.id for event in seen] == [1, 2, 3]
    assert script.asked[0].body["labels"] == {"a": "b"}


def test_a_fit_that_failed_is_the_jobs_own_problem(connect: Any) -> None:
    script = Script()
    script.on("POST /v1/jobs", Answer({"id": "j0"}, 202))
    script.on("GET /v1/jobs/j0/events", Answer(STATE.format(1, "failed").encode()))
    script.on("GET /v1/jobs/j0", Answer({"id": "j0", "state": "failed"}))
    script.on("GET /v1/jobs/j0/result", Answer({"detail": "no start"}, 409))
    with serving(script) as url, connect(url) as client, pytest.raises(ProblemError, match="no st"):
        client.fit({"id": "m"})


def test_an_interrupted_fit_cancels_its_job(connect: Any) -> None:
    def interrupt() -> None:
        while not service.resumed:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with flaky("", "held") as service, connect(service.url) as client:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            client.fit({"id": "m"}, progress=False)
        thread.join()
    assert service.done == ["POST /v1/jobs", "POST /v1/jobs/j0/cancel"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", b"x\n1\n", "text/csv"),
        ("a.json", b'{"x": [1]}', "application/json"),
        ("a.parquet", b"PAR1", "application/vnd.apache.parquet"),
        ("a.arrow", b"ARROW1", "application/vnd.apache.arrow.file"),
        ("b.ARROW", b"\xff\xff", "application/vnd.apache.arrow.stream"),
    ],
)
def test_a_data_set_is_sent_as_its_file(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    sent = next(create_dataset(tmp_path / name))
    assert isinstance(sent, Request)
    assert (sent.content, sent.sent_headers) == (content, {"Content-Type": kind})
    assert sent.idempotent


def test_a_data_set_that_cannot_be_sent_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in one of .json, .csv"):
        next(create_dataset(tmp_path / "a.xls"))
    with pytest.raises(InputError, match="No such file"):
        next(create_dataset(tmp_path / "a.csv"))
    with pytest.raises(InputError, match=r"data.y\[0\]"):
        next(create_dataset({"y": [float("nan")]}))


@pytest.mark.ray
def test_data_sets_are_kept_and_fitted(connect: Any, service: str, tmp_path: Path) -> None:
    file = tmp_path / "schools.parquet"
    pq.write_table(pa.table({"y": EIGHT["y"], "error": EIGHT["sigma"]}), file)
    with connect(service) as client:
        one = client.create_dataset(file)
        other = client.create_dataset({"y": np.array(EIGHT["y"]), "error": EIGHT["sigma"]})
        assert one["id"] == other["id"]
        assert client.dataset(one["id"])["shapes"] == {"y": [8], "error": [8]}
        assert one["id"] in [dataset["id"] for dataset in client.datasets(page_size=1)]
        data = {"dataset": one["id"], "columns": {"sigma": "error"}}
        found = client.fit(schools, data, {"kind": "hmc", "draws": 10, "warmup": 20}, seed=1)
        assert client.draws(found, ["mu"])["mu"].shape == (4, 10)
        client.delete_dataset(one["id"])
        with pytest.raises(ProblemError, match=r".") as caught:
            client.dataset(one["id"])
    assert caught.value.status == 404


@pytest.mark.ray
def test_a_fit_shows_how_the_chains_mix(connect: Any, service: str) -> None:
    seen: list[Event] = []
    hmc = {"kind": "hmc", "chains": 4, "warmup": 100, "draws": 300}
    with connect(service) as client:
        found = client.fit(schools, EIGHT, hmc, seed=1, timeout=120.0, progress=seen.append)
        assert client.draws(found, ["mu"])["mu"].shape == (4, 300)
    last = [event.data for event in seen if event.kind == "progress"][-1]
    assert (last["done"], last["total"]) == (400, 400)
    assert last["divergences"] == found["diagnostics"]["divergences"]
    assert 0.99 < last["r_hat"] < 2.0
    assert "tau" in str(found)


@pytest.mark.ray
def test_a_function_becomes_draws(service: str) -> None:
    with Client(service) as client:
        nuts = {"kind": "nuts", "chains": 4, "warmup": 300, "draws": 250}
        job = client.submit(schools, EIGHT, nuts, seed=1, labels={"made": "function"})
        kinds = [event.kind for event in client.events(job)]
        assert client.wait(job, timeout=120.0)["state"] == "succeeded"
        result, draws = client.result(job), client.draws(job)
        assert [j["id"] for j in client.jobs(label="made:function")] == [job["id"]]
    assert kinds[-1] == "state"
    assert "progress" in kinds
    assert {name: values.shape for name, values in draws.items()} == {
        "mu": (4, 250),
        "tau": (4, 250),
        "eta": (4, 250, 8),
        "theta": (4, 250, 8),
    }
    assert result["seed"] == 1
    for name, values in draws.items():
        assert np.allclose(values.mean((0, 1)), result["summary"][name]["mean"], rtol=1e-9)


@pytest.mark.ray
def test_only_the_draws_asked_for(service: str) -> None:
    with Client(service) as client:
        job = client.submit(schools, EIGHT, {"kind": "hmc", "draws": 10, "warmup": 20}, seed=1)
        client.wait(job, timeout=120.0)
        assert list(client.draws(job, ["tau"])) == ["tau"]
        csv = client.draws_as(job, "csv", ["tau"]).decode()
        client.delete(job)
        with pytest.raises(ProblemError) as caught:
            client.job(job)
    assert csv.splitlines()[0] == "chain,draw,tau"
    assert caught.value.status == 404


@pytest.mark.ray
def test_a_running_job_can_be_cancelled(service: str) -> None:
    with Client(service) as client:
        long = {"kind": "nuts", "warmup": 100, "draws": 50_000}
        job = client.submit(schools, EIGHT, long, seed=1)
        for event in client.events(job):
            if event.kind == "progress":
                break
        client.cancel(job)
        assert client.wait(job, timeout=30.0)["state"] == "cancelled"


@pytest.mark.ray
def test_models_are_kept_and_evaluated(service: str) -> None:
    with Client(service) as client:
        model = client.create_model(schools, EIGHT)
        assert client.model(model["id"])["definition"] == model["definition"]
        assert model["id"] in [kept["id"] for kept in client.models()["models"]]
        at = {"mu": 1.0, "tau": 2.0, "eta": np.zeros(8)}
        here = client.log_density(model["id"], EIGHT, at=at)
        assert here["log_density"] == pytest.approx(here["log_prior"] + here["log_likelihood"])
        there = client.log_density(model["id"], EIGHT, unconstrained=[0.0] * 10)
    assert len(there["gradient"]) == 10


@pytest.mark.ray
def test_a_model_the_service_refuses_is_a_problem_with_its_place(service: str) -> None:
    def wrong(y):
        pyro.sample("y", dist.Nrmal(0.0, 1.0), obs=y)  # noqa: F821

    with Client(service) as client, pytest.raises(ProblemError) as caught:
        client.submit(wrong, {"y": [1.0]})
    assert caught.value.status == 422
    assert caught.value.errors[0]["path"].startswith("line 2, column ")
