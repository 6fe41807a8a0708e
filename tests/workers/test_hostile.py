"""Jobs that were made to break a worker: each ends in a clear problem, and the worker goes on."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.compile import compile_model
from models.estimate import Limits
from tests.workers.dispatch.house import SHORT, House
from workers import execute
from workers.dispatch.local import LocalBackend
from workers.jobs import Job, JobState

#: Seconds of one evaluation of a Stan program here.
SECONDS = 0.5


def stan(model: str, before: str = "", after: str = "") -> dict[str, Any]:
    source = f"{before}\nparameters {{ real a; }}\nmodel {{ {model} }}\n{after}\n"
    return {"language": "stan", "source": source}


def pyro(*lines: str) -> dict[str, Any]:
    head = "def model(y):\n    mu = pyro.sample('mu', dist.Normal(0., 1.))\n"
    text = "".join(f"    {line}\n" for line in lines)
    return {
        "language": "pyro",
        "source": f"{head}{text}    pyro.sample('y', dist.Normal(mu, 1.), obs=y)\n",
    }


NORMAL = "a ~ normal(0, 5);"
Y = {"y": [0.5, 1.0]}
SECOND = {"y": [1.0, 2.0, 3.0, 4.0], "g": ["a", "a", "b", "b"]}
NUTS, STAN = SHORT, {"kind": "stan", "chains": 2, "warmup": 50, "draws": 50}

#: Name -> definition, data, engine, the problem's kind, words of its sentence.
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = {
    "a loop that ends nowhere": (
        stan("real x = a; while (x == x) x += 1e-9;"), {}, NUTS, "model-error", "longer than 0.5 s",
    ),
    "a loop that ends nowhere on the way": (
        stan("real x = a; while (x > 1) { x += 1e-12; x -= 1e-12; } " + NORMAL), {}, NUTS,
        "model-error", "longer than 0.5 s",
    ),
    "the same under the library's sampler": (
        stan("real x = a; while (x > 1) { x += 1e-12; x -= 1e-12; } " + NORMAL), {}, STAN,
        "model-error", "longer than 0.5 s",
    ),
    "a terabyte": (
        stan("vector[N] v = rep_vector(a, N); target += sum(v);", "data { int N; }"),
        {"N": 2_000_000_000}, NUTS, "model-error", "GiB",
    ),
    "a rejection of every point": (
        stan('reject("never of ", a);'), {}, NUTS, "no-initial-point", "never of",
    ),
    "a division by zero": (
        stan("int i = 1 %/% N; a ~ normal(i, 1);", "data { int N; }"), {"N": 0}, NUTS,
        "model-error", "zero",
    ),
    "an index out of range": (
        stan("y[N + 1] ~ normal(a, 1);", "data { int N; vector[N] y; }"), {"N": 2, "y": [1, 2]},
        NUTS, "model-error", "out of bounds",
    ),
    "recursion without end": (
        stan(
            "target += f(a);",
            "functions { real f(real x); real f(real x) { return f(x + 1) + 1; } }",
        ),
        {}, NUTS, "model-error", "recursion",
    ),
    "brackets without end": (
        stan("target += " + "(" * 100_000 + "a" + ")" * 100_000 + ";"), {}, NUTS, "model-error", "",
    ),
    "a file": (stan("#include /etc/passwd"), {}, NUTS, "model-error", "#include"),
    "a terabyte of zeros": (pyro("z = zeros(10**12)"), Y, NUTS, "model-error", "GiB"),
    "a way out": (pyro("z = y.__class__"), Y, NUTS, "model-error", "__class__"),
    "lists that double": (
        pyro("x = [0]", "for i in range(60):", "    x = [x, x]", "z = tensor(x)"), Y, NUTS,
        "model-error", "entries",
    ),
    "a shape of data": (pyro("z = zeros(n)"), Y, NUTS, "model-error", "n"),
    "a formula of one level": (
        {"language": "formula", "formula": "y ~ one"}, {**SECOND, "one": ["a"] * 4}, NUTS,
        "model-error", "one level",
    ),
    "a formula that is none": (
        {"language": "formula", "formula": "y ~ x.__class__"}, SECOND, NUTS, "model-error",
        "column 6",
    ),
    "a group of one": (
        {"language": "formula", "formula": "y ~ (1 | one)"}, {**SECOND, "one": ["a"] * 4}, NUTS,
        "model-error", "every row",
    ),
}  # fmt: skip


def healthy(house: House) -> Job:
    """Run a job as it should be."""
    return house.wait(house.submit())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give programs half a second for one evaluation."""
    limited = partial(compile_model, limits=Limits(seconds=SECONDS))
    monkeypatch.setattr(execute, "compile_model", limited)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_every_one_ends_in_its_problem_and_the_worker_goes_on(house: House) -> None:
    with house.dispatching(LocalBackend(1)):
        for name, (definition, data, engine, kind, words) in BAD.items():
            job = house.submit(engine, definition=definition, data=data, tier="interpreted")
            ended = house.wait(job, seconds=120)
            assert ended.state is JobState.FAILED, name
            assert ended.attempts == 1, name
            assert ended.error is not None
            assert ended.error["type"] == f"urn:credence:problem:{kind}", (name, ended.error)
            assert words in ended.error["detail"], (name, ended.error)
            if kind == "model-error":
                assert ended.error["errors"][0]["path"], name
            assert healthy(house).state is JobState.SUCCEEDED, name


def test_a_program_without_parameters_generates(house: House) -> None:
    definition = {
        "language": "stan",
        "source": "generated quantities { real x = normal_rng(3, 2); }",
    }
    with house.dispatching(LocalBackend(1)):
        ended = house.wait(house.submit(STAN, definition=definition, data={}))
    assert ended.state is JobState.SUCCEEDED
    assert 2 < house.result(ended)["summary"]["x"]["mean"] < 4
