"""`credence gc`: what it would delete, and what it does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from tests.workers.archive.jobs import ended
from workers.settings import Settings
from workers.store.artifacts import Artifacts
from workers.store.store import Store, create_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = create_store(Settings(home=tmp_path).database_url)
    yield opened
    opened.close()


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(Settings(home=tmp_path).artifacts_url)


def gc(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["gc", "--home", str(home), *arguments])


def test_a_dry_run_tells_and_the_other_does(
    store: Store, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended(store, artifacts)
    size = artifacts.size(f"jobs/{job.id}")
    assert json.loads(gc(tmp_path, "--json").stdout) == {
        "dry_run": False,
        "collected": {},
        "notes": [],
    }
    monkeypatch.setenv("CREDENCE_RETENTION_JOBS_DAYS", "1e-9")
    told = json.loads(gc(tmp_path, "--dry-run", "--json").stdout)
    assert told["collected"] == {"jobs": {"count": 1, "bytes": size}}
    assert store.get_job("ann", job.id) == job
    shown = gc(tmp_path)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "jobs" in shown.stdout
    assert str(size) in shown.stdout
    assert store.list_jobs(None)[0] == []
    assert artifacts.list("jobs") == []


def test_notes_are_told(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.put("installations/0123", b"")
    shown = gc(tmp_path)
    assert shown.exit_code == 0
    assert "installations/0123" in shown.stderr
    assert "installations/0123" in json.loads(gc(tmp_path, "--json").stdout)["notes"][0]


def test_another_artifact_store_is_named(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert gc(tmp_path, "--artifacts", str(elsewhere)).exit_code == 0
    marks = Artifacts(elsewhere.as_uri()).list("installations")
    assert marks == [f"installations/{store.upkeep.installation()}"]
