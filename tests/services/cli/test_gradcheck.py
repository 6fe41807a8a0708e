"""`credence gradcheck` on a script, and on a real service."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from tests.services.cli.test_fit import MODEL, X, Y, credence
from tests.services.client.server import Answer, Script, serving


def answer(size: float | None, reverse: float = 2.0) -> dict[str, Any]:
    modes = {
        "reverse": {"gradient": {"a": reverse, "b": [1.0, None]}},
        "numeric": {
            "gradient": {"a": 2.0, "b": [1.0, None]},
            "gradient_error": {"a": 1e-9, "b": [1e-9, None]},
        },
    }
    return {
        "at": {"a": 0.5, "b": [1.0, 2.0]},
        "modes": modes,
        "absent": {"forward": "there is none"},
        "largest_disagreement": size,
        "where": {"what": "gradient", "entry": "b[1]", "modes": ["reverse", "numeric"]},
    }


def checked(files: Path, reply: dict[str, Any], *options: str) -> Any:
    script = Script()
    script.on("POST /v1/models", Answer({"id": "m"}, 201))
    script.on("POST /v1/models/m/derivatives", Answer(reply))
    with serving(script) as url:
        command = ["gradcheck", str(files / "model.py"), "--server", url, *options]
        return CliRunner().invoke(app, command)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "data.json").write_text(json.dumps({"x": X, "y": Y}))
    return tmp_path


@pytest.mark.parametrize(("size", "code"), [(1e-9, 0), (1e-3, 1), (None, 1)])
def test_the_exit_code_tells_of_a_disagreement(files: Path, size: float | None, code: int) -> None:
    ended = checked(files, answer(size))
    assert ended.exit_code == code, ended.output
    assert "largest disagreement" in ended.output
    assert "gradient of b[1], reverse and numeric" in ended.output
    assert "forward: there is none" in ended.output
    assert "a " in ended.output
    assert "b[1]" in ended.output


def test_the_tolerance_is_the_users(files: Path) -> None:
    assert checked(files, answer(1e-3), "--tolerance", "0.01").exit_code == 0


def test_json(files: Path) -> None:
    ended = checked(files, answer(0.0), "--json")
    assert json.loads(ended.stdout) == answer(0.0)


def test_a_point_that_cannot_be_read(files: Path) -> None:
    (files / "at.json").write_text("[1]")
    ended = checked(files, answer(0.0), "--at", str(files / "at.json"))
    assert ended.exit_code == 2


@pytest.mark.ray
def test_a_real_model(files: Path, service: str) -> None:
    (files / "at.json").write_text(json.dumps({"a": 0.1, "b": 1.0, "s": 0.4}))
    arguments = ["--data", files / "data.json", "--at", files / "at.json"]
    ended = credence("gradcheck", files / "model.py", *arguments, "--server", service)
    assert ended.returncode == 0, ended.stderr
    assert "largest disagreement" in ended.stdout


@pytest.mark.ray
def test_a_stan_program(files: Path, service: str) -> None:
    (files / "model.stan").write_text(
        "data { array[8] real x; array[8] real y; }\n"
        "parameters { real a; real<lower=0> s; simplex[2] p; }\n"
        "model {\n"
        "  s ~ exponential(1);\n  p ~ dirichlet([2, 3]');\n"
        "  y ~ normal(a, s);\n  x ~ normal(a, p[1]);\n"
        "}\n"
    )
    arguments = ["--data", files / "data.json", "--server", service, "--json"]
    ended = credence("gradcheck", files / "model.stan", *arguments)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert set(found["modes"]) == {"reverse", "numeric"}
    assert set(found["absent"]) == {"forward", "symbolic"}
    assert found["largest_disagreement"] < 1e-5
