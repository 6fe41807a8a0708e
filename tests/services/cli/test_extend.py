"""`credence extend` and `credence fit --warm-start-from` against a scripted service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from tests.services.client.server import Answer, Script, serving

DONE = b'id: 1\nevent: state\ndata: {"state": "succeeded"}\n\n'
JOB = {"id": "k", "state": "succeeded", "engine": {"kind": "nuts"}}
RESULT = {"job": "k", "outcome": "completed", "message": "m", "engine": {"kind": "nuts"}, "seed": 1}


@pytest.fixture
def script() -> Script:
    made = Script()
    made.on("POST /v1/jobs/j/extend", Answer({**JOB, "state": "queued"}, 202))
    made.on("POST /v1/jobs", Answer({**JOB, "state": "queued"}, 202))
    made.on("GET /v1/jobs/k/events", Answer(DONE))
    made.on("GET /v1/jobs/k", Answer(JOB))
    made.on("GET /v1/jobs/k/result", Answer(RESULT))
    return made


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with serving(script) as address:
        yield address


def credence(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_the_result_of_all_draws_is_shown_under_the_new_jobs_id(script: Script, url: str) -> None:
    shown = credence("extend", "j", "--draws", "500", "--server", url)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("job k\ncompleted: m\n")
    assert script.asked[0].body == {"draws": 500}
    assert script.asked[0].headers["idempotency-key"]
    told = credence("extend", "j", "--draws", "500", "--server", url, "--json")
    assert json.loads(told.stdout) == RESULT


def test_an_extension_that_fails_is_told(script: Script, url: str) -> None:
    error = {"type": "urn:credence:problem:origin-lost", "detail": "it is gone"}
    script.on("GET /v1/jobs/k", Answer({**JOB, "state": "failed", "error": error}))
    failed = DONE.replace(b"succeeded", b"failed")
    script.on("GET /v1/jobs/k/events", Answer(failed))
    shown = credence("extend", "j", "--draws", "5", "--server", url)
    assert shown.exit_code == 1
    assert shown.stderr == "the job failed: it is gone\n"


@pytest.mark.parametrize("draws", ["0", "-5", "many"])
def test_draws_are_counted(url: str, draws: str) -> None:
    assert credence("extend", "j", "--draws", draws, "--server", url).exit_code == 2
    assert credence("extend", "j", "--server", url).exit_code == 2


def test_a_fit_starts_warm(script: Script, url: str, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    model.write_text('{"language": "graph", "sites": []}')
    command = ["fit", str(model), "--engine", "nuts", "--warm-start-from", "j"]
    assert credence(*command, "--server", url).exit_code == 0
    assert script.asked[0].body["warm_start_from"] == "j"
    script.asked.clear()
    assert credence("fit", str(model), "--engine", "nuts", "--server", url).exit_code == 0
    assert "warm_start_from" not in script.asked[0].body


def test_a_service_of_ones_own_has_no_job_to_start_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENCE_SERVER", raising=False)
    refused = credence("fit", str(tmp_path / "m.py"), "--warm-start-from", "j", "--json")
    assert refused.exit_code == 2
    assert "--server" in json.loads(refused.stdout)["detail"]
