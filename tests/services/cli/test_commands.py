"""Every command has `--json`: one document on the standard output, an answer or a problem."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from services.cli.app import app, run
from tests.services.client.server import Answer, Script, serving

RESULT = {"job": "j", "outcome": "converged", "engine": {"kind": "mle"}, "seed": 1}
JOB = {"id": "j", "state": "succeeded", "engine": {"kind": "mle"}}
DONE = b'id: 1\nevent: state\ndata: {"state": "succeeded"}\n\n'
MODEL = {"language": "graph", "sites": []}
COLUMN = {"name": "y", "dtype": "int64", "shape": [2], "levels": None}
CHECKED = {"modes": {}, "absent": {}, "largest_disagreement": None, "where": None}
DATASET = {"id": "d", "columns": [COLUMN], "shapes": {"y": [2]}, "bytes": 16, "created_at": "now"}

#: Command -> arguments of a call that ends well, and a part of its document.
WELL: dict[str, tuple[list[str], Any]] = {
    "fit": (["MODEL", "--engine", "mle"], RESULT),
    "jobs": ([], [JOB]),
    "result": (["j"], RESULT),
    "draws": (["j"], {"mu": [[1.5]]}),
    "plot": (["j", "trace"], {"svg": "<svg/>"}),
    "cancel": (["j"], JOB),
    "extend": (["j", "--draws", "5"], RESULT),
    "gradcheck": (["MODEL"], CHECKED),
    "datasets list": ([], [DATASET]),
    "datasets add": (["MODEL"], DATASET),
    "datasets show": (["d"], DATASET),
    "datasets delete": (["d"], {"deleted": "d"}),
}
#: Command -> arguments of a call that fails, the exit code, and the title of its problem.
BADLY: dict[str, tuple[list[str], int, str]] = {
    "serve": (["--host", "203.0.113.1", "--insecure"], 1, "The service cannot start or go on"),
    "fit": (["no.py", "--server", "ABSENT"], 2, "The input is not valid"),
    "jobs": (["--server", "ABSENT"], 1, "The service does not answer"),
    "result": (["none", "--server", "URL"], 2, "Not found"),
    "draws": (["j", "--format", "csv", "--server", "URL"], 2, "The input is not valid"),
    "plot": (["none", "trace", "--server", "URL"], 2, "Not found"),
    "cancel": (["none", "--server", "URL"], 2, "Not found"),
    "extend": (["none", "--draws", "5", "--server", "URL"], 2, "Not found"),
    "gradcheck": (["no.py", "--server", "URL"], 2, "The input is not valid"),
    "datasets list": (["--server", "ABSENT"], 1, "The service does not answer"),
    "datasets add": (["no.csv", "--server", "URL"], 2, "The input is not valid"),
    "datasets show": (["none", "--server", "URL"], 2, "Not found"),
    "datasets delete": (["none", "--server", "URL"], 2, "Not found"),
}
#: Commands that start a service, or open its database: their own tests run them.
ELSEWHERE = {"serve", "demo", "audit", "gc", "export", "import"}
ELSEWHERE |= {"keys create", "keys list", "keys revoke"}


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path.strip(), command
    for name, one in (inner or {}).items():
        yield from commands(one, f"{path} {name}")


ALL = dict(commands(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    script = Script()
    script.on("POST /v1/jobs", Answer({**JOB, "state": "queued"}, 202))
    script.on("GET /v1/jobs", Answer({"jobs": [JOB], "next_page_token": None}))
    script.on("GET /v1/jobs/j", Answer(JOB))
    script.on("GET /v1/jobs/j/events", Answer(DONE))
    script.on("GET /v1/jobs/j/result", Answer(RESULT))
    script.on("GET /v1/jobs/j/draws", Answer({"mu": [[1.5]]}))
    script.on("GET /v1/jobs/j/plots/trace", Answer(b"<svg/>"))
    script.on("POST /v1/jobs/j/cancel", Answer(JOB))
    script.on("POST /v1/jobs/j/extend", Answer({**JOB, "state": "queued"}, 202))
    script.on("POST /v1/models", Answer({"id": "m"}, 201))
    script.on("POST /v1/models/m/derivatives", Answer(CHECKED))
    script.on("GET /v1/datasets", Answer({"datasets": [DATASET], "next_page_token": None}))
    script.on("POST /v1/datasets", Answer(DATASET, 201))
    script.on("GET /v1/datasets/d", Answer(DATASET))
    script.on("DELETE /v1/datasets/d", Answer(b"", 204))
    with serving(script) as address:
        yield address


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(MODEL))
    return file


def told(*arguments: str) -> tuple[int, Any]:
    """Run a command and return its code and its document; nothing is on the standard error."""
    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert ended.stderr == ""
    return ended.exit_code, json.loads(ended.stdout)


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_the_option_and_is_tried_here(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[name].params)
    assert name in WELL.keys() | ELSEWHERE
    assert name in BADLY.keys() | ELSEWHERE


@pytest.mark.parametrize("name", WELL)
def test_an_answer_is_the_document(name: str, url: str, model: Path) -> None:
    arguments, document = WELL[name]
    words = [str(model) if word == "MODEL" else word for word in arguments]
    assert told(*name.split(), *words, "--server", url) == (0, document)


@pytest.mark.parametrize("name", BADLY)
def test_a_problem_is_the_document(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.client.attempts.pause", lambda attempt: 0.0)
    arguments, code, title = BADLY[name]
    places = {"URL": url, "ABSENT": "http://127.0.0.1:1"}
    ended, problem = told(*name.split(), *(places.get(word, word) for word in arguments))
    assert ended == code
    assert problem["title"] == title
    assert problem["detail"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["jobs", "--limit", "0"], "--limit"),
        (["result"], "ID"),
        (["fit", "m.py", "--drawz", "5"], "--drawz"),
        (["plott"], "plott"),
    ],
)
def test_a_command_that_cannot_be_read_is_a_problem_too(
    arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run([*arguments, "--json"])
    told = capfd.readouterr()
    assert (ended.value.code, told.err) == (2, "")
    problem = json.loads(told.out)
    assert problem["title"] == "The command is not valid"
    assert sentence in problem["detail"]


def test_without_json_it_is_told_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["jobs", "--limit", "0"])
    told = capfd.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert "Usage:" in told.err


def test_the_exit_code_is_the_same_with_and_without_json(url: str) -> None:
    for extra in ([], ["--json"]):
        for job, code in (("j", 0), ("none", 2)):
            with pytest.raises(SystemExit) as ended:
                run(["cancel", job, "--server", url, *extra])
            assert ended.value.code == code
