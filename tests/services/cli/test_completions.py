"""The shell is offered engines, states and the jobs of the service that is meant."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.completions import ENGINES, PRECISIONS, STATES, TIERS
from tests.services.client.server import Answer, Script, serving
from workers.engines import ENGINES as REAL_ENGINES
from workers.jobs import JobState
from workers.request import JobRequest

JOBS = [
    {"id": "ab1", "engine": {"kind": "nuts"}, "state": "running"},
    {"id": "ab2", "engine": {"kind": "vi"}, "state": "succeeded"},
    {"id": "xy3", "engine": {"kind": "vi"}, "state": "succeeded"},
]


def offered(line: str, **environment: str) -> list[str]:
    words = line.split(" ")
    asked = {
        "_CREDENCE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    ended = CliRunner().invoke(app, [], prog_name="credence", env={**asked, **environment})
    assert ended.exit_code == 0
    return ended.stdout.split()


def test_what_is_offered_is_what_there_is() -> None:
    assert set(ENGINES) == {"auto", *REAL_ENGINES}
    assert set(STATES) == set(JobState)
    for name, offer in (("precision", PRECISIONS), ("tier", TIERS)):
        annotation = JobRequest.model_fields[name].annotation
        assert set(offer) == set(getattr(annotation, "__args__", ()))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("credence fit m.py --engine n", ["nuts"]),
        ("credence fit m.py --engine nuts --engine m", ["mle", "map"]),
        ("credence fit m.py --precision m", ["mixed"]),
        ("credence fit m.py --tier c", ["compiled"]),
        ("credence jobs --state ru", ["running"]),
        ("credence res", ["result"]),
    ],
)
def test_words_are_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_ids_come_from_the_service_that_is_meant() -> None:
    script = Script()
    script.on("GET /v1/jobs", Answer({"jobs": JOBS, "next_page_token": None}))
    with serving(script) as url:
        assert offered("credence result a", CREDENCE_SERVER=url) == ["ab1", "ab2"]
        assert offered(f"credence cancel --server {url} x") == ["xy3"]


def test_data_sets_are_offered_too() -> None:
    sets = [{"id": "d1", "columns": [{"name": "y"}]}, {"id": "e2", "columns": []}]
    script = Script()
    script.on("GET /v1/datasets", Answer({"datasets": sets, "next_page_token": None}))
    with serving(script) as url:
        assert offered("credence datasets show d", CREDENCE_SERVER=url) == ["d1"]
        assert offered("credence fit m.py --dataset ", CREDENCE_SERVER=url) == ["d1", "e2"]


def test_without_a_service_no_ids_and_no_complaint() -> None:
    assert offered("credence result a", CREDENCE_SERVER="http://127.0.0.1:1") == []


def test_the_shell_is_told() -> None:
    # Typer reads off the processes above which it is; without `true`, bash would be replaced.
    command = f"{shlex.quote(str(Path(sys.executable).with_name('credence')))} --show-completion"
    shown = subprocess.run(
        ["bash", "-c", f"{command}; true"], capture_output=True, text=True, timeout=60
    )
    assert "_CREDENCE_COMPLETE=complete_bash" in shown.stdout, shown.stderr
