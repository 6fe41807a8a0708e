"""Readiness: what is wrong, in sentences, and nothing that is nobody's business."""

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest

from services.gateway.app import create_app
from services.gateway.deps import Deps
from services.gateway.readiness import look
from tests.services.gateway.web import Web
from workers.store.artifacts import Artifacts
from workers.store.connection import connect
from workers.store.store import Store


@pytest.fixture
def ready(deps: Deps) -> Deps:
    deps.store.announce("here:1", 1)
    assert look(deps).ready
    # What was found out by then is known for a while.
    return dataclasses.replace(deps, writable=type(deps.writable)(0.0))


def problems(deps: Deps) -> list[str]:
    answer = Web(create_app(deps)).get("/readyz")
    found = answer.json()
    assert answer.status_code == (503 if found["problems"] else 200)
    told: list[str] = found["problems"]
    wrong = [part for part, state in found["checks"].items() if state != "ok"]
    assert len(told) == len(wrong)
    return told


def test_nothing_is_wrong(ready: Deps) -> None:
    assert problems(ready) == []
    assert ready.artifacts.list("probes") == []


def test_a_store_that_takes_nothing(ready: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/secret/place")

    monkeypatch.setattr(ready.artifacts, "put", refuse)
    (told,) = problems(ready)
    assert told == "Nothing can be written where artifacts lie: Read-only file system."
    assert look(ready).checks["artifacts"] == "read-only"


def test_a_store_that_cannot_be_a_directory(ready: Deps, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    deps = dataclasses.replace(ready, artifacts=Artifacts((tmp_path / "file").as_uri()))
    (told,) = problems(deps)
    assert "artifacts" in told
    assert str(tmp_path) not in told


def test_a_disk_that_is_nearly_full(ready: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready.artifacts, "free", lambda: 12 << 20)
    (told,) = problems(ready)
    assert told.startswith("Only 12 MiB are free where artifacts lie, and 256 MiB are to be")
    settings = ready.settings.model_copy(update={"least_free_bytes": 0})
    assert problems(dataclasses.replace(ready, settings=settings)) == []
    monkeypatch.setattr(ready.artifacts, "free", lambda: None)
    assert problems(ready) == []


def test_a_database_that_does_not_answer(ready: Deps, tmp_path: Path) -> None:
    store = Store(connect(f"sqlite:///{tmp_path / 'no' / 'such' / 'directory.db'}"))
    told = problems(dataclasses.replace(ready, store=store))
    assert told[0] == "The database does not answer; look at it and its address."
    assert len(told) == 2, "and whether there are workers, nobody knows then"
    store.close()


def test_workers_that_are_away(ready: Deps) -> None:
    ready.store.announce("here:1", 0)
    assert problems(ready) == ["No worker is warm yet; wait some seconds."]
    ready.store.announce("here:1", 0, "refused: n2")
    assert problems(ready) == ["There is no worker: refused: n2."]
    ready.store.withdraw("here:1")
    (told,) = problems(ready)
    assert told.startswith("No dispatcher has spoken for 15 seconds")


def test_what_makes_work_slow_is_a_note(ready: Deps) -> None:
    ready.store.announce("here:1", 1, "no C++ compiler, so jobs are computed interpreted: n2")
    found = look(ready)
    assert found.ready
    assert found.notes == ["workers: no C++ compiler, so jobs are computed interpreted: n2"]


def test_a_store_that_took_a_byte_is_not_asked_again_at_once(deps: Deps) -> None:
    deps.store.announce("here:1", 1)
    writes: list[str] = []
    put = deps.artifacts.put

    def counted(key: str, *arguments: Any, **options: Any) -> None:
        writes.append(key)
        put(key, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deps.artifacts, "put", counted)
        for _ in range(20):
            assert look(deps).ready
    assert len(writes) == 1
