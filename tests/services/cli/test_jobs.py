"""Commands against a scripted service: what is printed, and the exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from tests.services.client.server import Answer, Script, serving


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with serving(script) as address:
        yield address


def credence(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_jobs_as_table_and_as_json(script: Script, url: str) -> None:
    found = [{"id": "j1", "state": "queued"}, {"id": "j2", "state": "failed"}]
    script.on("GET /v1/jobs", Answer({"jobs": found, "next_page_token": None}))
    table = credence("jobs", "--server", url, "--state", "failed", "--label", "a:b")
    assert table.exit_code == 0
    assert "j2" in table.stdout
    assert script.asked[0].path == "/v1/jobs?state=failed&label=a%3Ab"
    assert (
        json.loads(credence("jobs", "--server", url, "--json", "--limit", "1").stdout) == found[:1]
    )


def test_a_result_as_table_and_as_json(script: Script, url: str) -> None:
    result = {"outcome": "converged", "message": "m", "engine": {"kind": "mle"}, "seed": 1}
    script.on("GET /v1/jobs/j/result", Answer(result))
    assert "converged: m" in credence("result", "j", "--server", url).stdout
    shown = credence("result", "j", "--server", url, "--json", "--partial")
    assert json.loads(shown.stdout) == result
    assert script.asked[1].path == "/v1/jobs/j/result?partial=true"


def test_draws_to_a_file_and_to_the_standard_output(
    script: Script, url: str, tmp_path: Path
) -> None:
    script.on("GET /v1/jobs/j/draws", Answer(b"chain,draw,mu\n0,0,1.5\n"))
    target = tmp_path / "draws.csv"
    assert credence("draws", "j", "--server", url, "-o", str(target)).exit_code == 0
    assert target.read_bytes() == b"chain,draw,mu\n0,0,1.5\n"
    plain = credence("draws", "j", "--server", url, "--format", "csv", "--parameters", "mu")
    assert plain.stdout == "chain,draw,mu\n0,0,1.5\n"
    assert script.asked[1].path == "/v1/jobs/j/draws?format=csv&parameters=mu"


def test_draws_in_a_file_are_told_about_and_a_file_that_cannot_be_is_refused(
    script: Script, url: str, tmp_path: Path
) -> None:
    script.on("GET /v1/jobs/j/draws", Answer(b"ARROW1"))
    target = tmp_path / "draws.arrow"
    options = ["--server", url, "--format", "arrow", "--json", "-o"]
    told = credence("draws", "j", *options, str(target))
    assert json.loads(told.stdout) == {"path": str(target), "bytes": 6}
    assert script.asked[0].path == "/v1/jobs/j/draws?format=arrow"
    ended = credence("draws", "j", *options, str(tmp_path / "none" / "draws"))
    assert ended.exit_code == 2
    assert "the file cannot be written" in json.loads(ended.stdout)["detail"]


def test_cancel_says_how_the_job_stands(script: Script, url: str) -> None:
    script.on("POST /v1/jobs/j/cancel", Answer({"id": "j", "state": "running"}))
    assert credence("cancel", "j", "--server", url).stdout == "j running\n"


def test_a_problem_is_told_whole_with_exit_code_2(script: Script, url: str) -> None:
    problem = {"detail": "no job [j]", "errors": [{"path": "a[0]", "message": "b"}]}
    script.on("GET /v1/jobs/j/result", Answer(problem, 404))
    ended = credence("result", "j", "--server", url)
    assert ended.exit_code == 2
    assert ended.stderr == "no job [j]\n  a[0]: b\n"


def test_an_absent_service_is_a_sentence_with_exit_code_1(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.client.attempts.pause", lambda attempt: 0.0)
    ended = credence("jobs", "--server", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert "no answer from http://127.0.0.1:1" in ended.stderr
