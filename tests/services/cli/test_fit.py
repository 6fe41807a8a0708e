"""`credence fit` from files to a table: refusals on a script, fits on a real service."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.fit import data_of, engine_options, model_of
from services.client.errors import InputError
from tests.services.client.server import Answer, Script, serving

MODEL = """\
import pyro
import pyro.distributions as dist

# A line.
def model(x, y):
    a = pyro.sample("a", dist.Normal(0., 10.))
    b = pyro.sample("b", dist.Normal(0., 10.))
    s = pyro.sample("s", dist.HalfNormal(5.))
    with pyro.plate("rows", len(y)):
        pyro.sample("obs", dist.Normal(a + b * x, s), obs=y)
"""
X = [1, 2, 3, 4, 5, 6, 7, 8]
Y = [1.1, 2.3, 2.8, 4.1, 5.2, 5.9, 7.2, 7.8]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    rows = "".join(f"{x},{y}\n" for x, y in zip(X, Y, strict=True))
    (tmp_path / "data.csv").write_text(f"x,y\n{rows}")
    (tmp_path / "data.json").write_text(json.dumps({"x": X, "y": Y}))
    return tmp_path


def credence(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "services.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def test_what_is_sent_and_how_a_failed_job_ends(files: Path) -> None:
    script = Script()
    script.on("POST /v1/jobs", Answer({"id": "j"}, 202))
    done = b'id: 1\nevent: state\ndata: {"state": "failed"}\n\n'
    script.on("GET /v1/jobs/j/events", Answer(done))
    failed = {"id": "j", "state": "failed", "error": {"detail": "the term y is not finite"}}
    script.on("GET /v1/jobs/j", Answer(failed))
    with serving(script) as url:
        arguments = ["--data", str(files / "data.csv"), "--set", "draws=5", "--seed", "3"]
        command = ["fit", str(files / "model.py"), *arguments, "--gpu", "--server", url]
        ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1
    assert ended.stderr == "the job failed: the term y is not finite\n"
    body = script.asked[0].body
    assert body["engine"] == {"kind": "nuts", "draws": 5}
    assert body["seed"] == 3
    assert body["resources"] == {"gpus": 1}
    assert body["data"] == {"x": X, "y": Y}
    assert "#" not in body["model"]["source"]
    assert "import" not in body["model"]["source"]


def test_a_stan_file_is_sent_as_it_is(files: Path) -> None:
    source = "// A line.\ndata { int n; }\nparameters { real a; }\nmodel { a ~ normal(n, 1); }\n"
    (files / "model.stan").write_text(source)
    (files / "data.json").write_text('{"n": 3, "none": []}')
    script = Script()
    script.on("POST /v1/jobs", Answer({"id": "j"}, 202))
    done = b'id: 1\nevent: state\ndata: {"state": "failed"}\n\n'
    script.on("GET /v1/jobs/j/events", Answer(done))
    script.on("GET /v1/jobs/j", Answer({"id": "j", "state": "failed", "error": {"detail": "no"}}))
    with serving(script) as url:
        command = ["fit", str(files / "model.stan"), "--data", str(files / "data.json")]
        CliRunner().invoke(app, [*command, "--engine", "chees", "--server", url])
    body = script.asked[0].body
    assert body["model"] == {"language": "stan", "source": source}
    assert body["data"] == {"n": 3, "none": []}
    assert body["engine"] == {"kind": "chees"}


@pytest.mark.parametrize(
    ("data", "option", "sentence"),
    [
        ("x\n1\nb\n", "draws=5", "line 3, column 1: 'b' is no number"),
        ("x\n1\n", "draws", "--set draws: write NAME=VALUE"),
    ],
)
def test_input_that_is_wrong_before_it_leaves_is_exit_code_2(
    files: Path, data: str, option: str, sentence: str
) -> None:
    (files / "bad.csv").write_text(data)
    command = ["fit", str(files / "model.py"), "--data", str(files / "bad.csv")]
    ended = CliRunner().invoke(app, [*command, "--set", option, "--server", "http://127.0.0.1:1"])
    assert ended.exit_code == 2
    assert sentence in ended.stderr


def job(name: str, state: str) -> dict[str, Any]:
    return {"id": name, "state": state, "engine": {"kind": name}}


def several(script: Script, **states: str) -> None:
    """Let jobs of these names be submitted one after the other and end like this."""
    # Twice: for a fit that is shown and one that is told.
    script.on("POST /v1/jobs", *[Answer(job(name, "queued"), 202) for name in states] * 2)
    for name, state in states.items():
        done = f'id: 1\nevent: state\ndata: {{"state": "{state}"}}\n\n'.encode()
        error = {"error": {"type": "urn:x", "detail": "no start"}} if state == "failed" else {}
        script.on(f"GET /v1/jobs/{name}/events", Answer(done))
        script.on(f"GET /v1/jobs/{name}", Answer({**job(name, state), **error}))
        found = {"outcome": "completed", "engine": {"kind": name}, "summary": {}}
        script.on(f"GET /v1/jobs/{name}/result", Answer({**found, "job": name}))
        script.on(f"POST /v1/jobs/{name}/cancel", Answer(job(name, "running")))


def test_several_engines_get_their_own_options(files: Path) -> None:
    script = Script()
    several(script, nuts="succeeded", vi="failed")
    engines = ["--engine", "nuts", "--engine", "vi"]
    options = ["--set", "nuts.draws=5", "--set", "vi.until.r_hat=2", "--seed", "3"]
    with serving(script) as url:
        command = ["fit", str(files / "model.py"), *engines, *options, "--server", url]
        ended = CliRunner().invoke(app, command)
        told = CliRunner().invoke(app, [*command, "--json"])
    assert [asked.body["engine"] for asked in script.asked if asked.method == "POST"][:2] == [
        {"kind": "nuts", "draws": 5},
        {"kind": "vi", "until": {"r_hat": 2}},
    ]
    assert (ended.exit_code, told.exit_code) == (1, 1)
    assert "nuts: completed" in ended.stdout
    assert ended.stderr == "vi: the job failed: no start\n"
    nuts, vi = json.loads(told.stdout)["fits"]
    assert (nuts["engine"], nuts["state"], nuts["result"]["job"]) == ("nuts", "succeeded", "nuts")
    assert nuts["problem"] is None
    assert (vi["job"], vi["result"], vi["problem"]["type"]) == ("vi", None, "urn:x")


def test_where_one_engine_is_refused_no_job_goes_on(files: Path) -> None:
    script = Script()
    several(script, nuts="cancelled")
    problem = {"detail": "engine.stepz: unknown", "errors": []}
    script.on("POST /v1/jobs", Answer(job("nuts", "queued"), 202), Answer(problem, 422))
    with serving(script) as url:
        engines = ["--engine", "nuts", "--engine", "vi", "--set", "vi.stepz=1"]
        command = ["fit", str(files / "model.py"), *engines, "--server", url]
        ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 2
    assert ended.stderr == "engine.stepz: unknown\n  (asked for by --engine vi)\n"
    assert script.asked[-1].path == "/v1/jobs/nuts/cancel"


@pytest.mark.parametrize(
    ("kinds", "assignments", "options"),
    [
        (["nuts"], ["draws=5"], [{"kind": "nuts", "draws": 5}]),
        (["nuts"], ["nuts.draws=5", "until.r_hat=2"],
         [{"kind": "nuts", "draws": 5, "until": {"r_hat": 2}}]),
        (["vi", "mle"], ["mle.level=0.9"], [{"kind": "vi"}, {"kind": "mle", "level": 0.9}]),
    ],
)  # fmt: skip
def test_options_find_their_engine(
    kinds: list[str], assignments: list[str], options: list[dict[str, Any]]
) -> None:
    assert engine_options(kinds, assignments) == options


@pytest.mark.parametrize(
    ("kinds", "assignments", "sentence"),
    [
        (["vi", "vi"], [], "--engine vi: this engine is asked for twice"),
        (["vi", "mle"], ["draws=5"], "say for which engine: vi.draws=5, mle.draws=5"),
        (["vi", "mle"], ["hmc.draws=5"], "--set hmc.draws=5: say for which engine"),
    ],
)
def test_options_without_an_engine_are_refused(
    kinds: list[str], assignments: list[str], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        engine_options(kinds, assignments)


def test_data_are_a_file_or_columns_of_a_data_set(files: Path) -> None:
    assert data_of(None, None, []) is None
    assert data_of(files / "data.csv", None, []) == files / "data.csv"
    columns = {"y": "the price=", "x": "x"}
    reference = data_of(None, "d", ["y=the price=", "x=x"])
    assert reference == {"dataset": "d", "columns": columns}


@pytest.mark.parametrize(
    ("file", "dataset", "column", "sentence"),
    [
        (Path("a.csv"), "d", "y=a", "give it or --data, not both"),
        (None, "d", "y", "--column y: write NAME=COLUMN"),
        (None, "d", "=y", "write NAME=COLUMN"),
        (Path("a.csv"), None, "y=a", "say of which data set"),
    ],
)
def test_columns_without_a_data_set_are_refused(
    file: Path | None, dataset: str | None, column: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        data_of(file, dataset, [column])


@pytest.mark.ray
def test_a_stored_data_set_is_fitted_shown_and_deleted(service: str, files: Path) -> None:
    add = credence("datasets", "add", files / "data.csv", "--server", service)
    assert add.returncode == 0, add.stderr
    identity = add.stdout.splitlines()[-1]
    listed = credence("datasets", "list", "--server", service, "--json")
    assert identity in [dataset["id"] for dataset in json.loads(listed.stdout)]
    swapped = ["--dataset", identity, "--column", "x=y", "--column", "y=x", "--engine", "mle"]
    ended = credence("fit", files / "model.py", *swapped, "--server", service, "--json")
    slope, _ = np.polyfit(Y, X, 1)
    found = json.loads(ended.stdout)["mle"]["estimate"]["b"]["value"]
    assert found == pytest.approx(slope, rel=1e-5)
    deleted = credence("datasets", "delete", identity, "--server", service)
    assert deleted.stdout == f"{identity} deleted\n"
    assert credence("datasets", "show", identity, "--server", service).returncode == 2


@pytest.mark.ray
def test_three_engines_agree_side_by_side(service: str, files: Path) -> None:
    engines = ["--engine", "nuts", "--engine", "vi", "--engine", "map"]
    options = ["--set", "nuts.draws=100", "--set", "nuts.warmup=150"]
    arguments = ["--data", files / "data.json", "--seed", "1", "--server", service, *options]
    ended = credence("fit", files / "model.py", *arguments, *engines)
    assert ended.returncode == 0, ended.stderr
    rows = [line.split() for line in ended.stdout.splitlines()]
    (slopes,) = [row[1:] for row in rows if row[:1] == ["b"]]
    slope, _ = np.polyfit(X, Y, 1)
    assert [float(x) for x in slopes[::2]] == pytest.approx([slope] * 3, abs=0.1)
    assert len(slopes) == 6
    assert "nuts: completed" in ended.stdout


@pytest.mark.ray
def test_a_fit_prints_a_table(service: str, files: Path) -> None:
    nuts = ["--engine", "nuts", "--set", "draws=300", "--set", "warmup=300", "--seed", "1"]
    model, data = files / "model.py", files / "data.csv"
    ended = credence("fit", model, "--data", data, *nuts, "--server", service)
    assert ended.returncode == 0, ended.stderr
    assert "r_hat" in ended.stdout
    assert "nuts, seed 1" in ended.stdout


@pytest.mark.ray
def test_a_fit_as_json_is_the_result(service: str, files: Path) -> None:
    model, data = files / "model.py", files / "data.json"
    mle = ["--engine", "mle", "--json", "--server", service]
    ended = credence("fit", model, "--data", data, *mle)
    assert ended.returncode == 0, ended.stderr
    estimate = json.loads(ended.stdout)["mle"]["estimate"]
    slope, intercept = np.polyfit(X, Y, 1)
    assert estimate["b"]["value"] == pytest.approx(slope, rel=1e-6)
    assert estimate["a"]["value"] == pytest.approx(intercept, rel=1e-5)


@pytest.mark.ray
@pytest.mark.parametrize(
    ("engine", "option", "path"),
    [("nuts", "drawz=5", "engine.drawz"), ("ntus", "draws=5", "engine")],
)
def test_a_refusal_is_told_with_its_path_and_exit_code_2(
    service: str, files: Path, engine: str, option: str, path: str
) -> None:
    arguments = ["--data", files / "data.csv", "--engine", engine, "--set", option]
    ended = credence("fit", files / "model.py", *arguments, "--server", service)
    assert ended.returncode == 2
    assert path in ended.stderr


@pytest.mark.ray
def test_a_mistake_in_a_file_is_told_at_its_line(service: str, files: Path) -> None:
    (files / "model.py").write_text(MODEL.replace("dist.HalfNormal", "dist.HalfNromal"))
    command = ["fit", files / "model.py", "--data", files / "data.csv", "--server", service]
    ended = credence(*command)
    assert ended.returncode == 2
    assert "line 8, column 26" in ended.stderr


@pytest.mark.ray
@pytest.mark.slow
def test_without_a_server_it_starts_one(files: Path) -> None:
    ended = credence("fit", files / "model.py", "--data", files / "data.csv", "--engine", "mle")
    assert ended.returncode == 0, ended.stderr
    assert "std. error" in ended.stdout


def test_a_formula_is_a_model_with_a_family_and_priors() -> None:
    prior = 'x={"distribution": "Normal", "args": {"loc": 0, "scale": 1}}'
    found = model_of("y ~ x", "poisson", "sqrt", [prior])
    assert found == {
        "language": "formula",
        "formula": "y ~ x",
        "family": "poisson",
        "link": "sqrt",
        "priors": {"x": {"distribution": "Normal", "args": {"loc": 0, "scale": 1}}},
    }
    assert model_of("model.py", None, None, []) == Path("model.py")


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("model.py", "poisson", None, []), "--family"),
        (("model.py", None, "log", []), "--link"),
        (("model.py", None, None, ["x={}"]), "--prior"),
        (("y ~ x", None, None, ["x"]), "--prior x"),
        (("y ~ x", None, None, ["x=1"]), "--prior x=1"),
        (("y ~ x", None, None, ["={}"]), "--prior ={}"),
    ],
)
def test_options_of_formulas_that_cannot_be_read(arguments: Any, where: str) -> None:
    with pytest.raises(InputError) as caught:
        model_of(*arguments)
    assert caught.value.path == where


@pytest.mark.ray
def test_a_formula_is_fitted_to_a_file_with_texts(service: str, files: Path) -> None:
    rows = "".join(f"{y},{x},{'ab'[i % 2]},NA\n" for i, (x, y) in enumerate(zip(X, Y, strict=True)))
    (files / "table.csv").write_text(f"y,x,g,note\n{rows}")
    posted = ("--server", service, "--data", files / "table.csv", "--engine", "mle")
    ended = credence("fit", "y ~ x + g", *posted)
    assert ended.returncode == 0, ended.stderr
    for text in ("Intercept", "beta[x]", "beta[g[b]]", "beta[x] ~ Normal(loc=0"):
        assert text in ended.stdout
