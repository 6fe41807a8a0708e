"""Health over HTTP."""

import dataclasses
from pathlib import Path

from services.gateway.app import create_app
from services.gateway.deps import Deps
from tests.services.gateway.web import Web
from workers.store.connection import connect
from workers.store.store import Store


def test_alive_and_ready(web: Web, deps: Deps) -> None:
    deps.store.announce("here:1", warm=2)
    assert web.get("/healthz").json()["status"] == "alive"
    answer = web.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {
        "store": "ok",
        "artifacts": "ok",
        "checkers": "ok",
        "workers": "ok",
    }


def test_not_ready_before_a_worker_is_warm(web: Web, deps: Deps) -> None:
    deps.store.withdraw("here:1")
    answer = web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["workers"] == "no dispatcher"
    deps.store.announce("here:1", warm=0)
    assert web.get("/readyz").json()["checks"]["workers"] == "warming up"


def test_workers_that_are_refused_are_named(web: Web, deps: Deps) -> None:
    trouble = "refused, because this is version 1: n2 (version 2)"
    deps.store.announce("here:1", 1, trouble)
    answer = web.get("/readyz")
    assert answer.status_code == 200, "the others work"
    assert answer.json()["notes"] == [f"workers: {trouble}"]
    deps.store.announce("here:1", 0, trouble)
    answer = web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["workers"] == "none"
    assert answer.json()["notes"] == [f"workers: {trouble}"]
    deps.store.announce("here:1", 1)
    assert web.get("/readyz").json()["notes"] == []


def test_not_ready_without_its_store(deps: Deps, tmp_path: Path) -> None:
    store = Store(connect(f"sqlite:///{tmp_path / 'no' / 'such' / 'directory.db'}"))
    web = Web(create_app(dataclasses.replace(deps, store=store)))
    answer = web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["store"] == "unreachable"
    assert web.get("/healthz").status_code == 200
    store.close()


def test_metrics(web: Web) -> None:
    answer = web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "credence_event_streams 0.0" in answer.text
