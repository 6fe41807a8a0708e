"""Every engine on a device that is not the CPU: nothing is left behind on the host.

The second device holds its numbers on the CPU, so results are the CPU's, bit for bit; but it knows
no strides, which torch's matrix products look at to choose among ways that round differently. The
guide `flow` is left out: a device in Python cannot have a module's parameters.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

SCHOOLS = (
    {"language": "catalog", "name": "eight_schools"},
    {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]},
)
RATE = (
    {
        "language": "graph",
        "sites": [
            {"name": "a", "distribution": "Normal", "args": {"loc": 0, "scale": 2}},
            {"name": "b", "distribution": "Normal", "args": {"loc": 0, "scale": 2}},
            {
                "name": "y",
                "distribution": "Poisson",
                "args": {"rate": "exp(a + b * x)"},
                "observed": "y",
            },
        ],
    },
    {"x": [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5], "y": [0, 1, 1, 2, 4, 6]},
)
#: Discrete unknowns that are fitted.
COUNTS = (
    {
        "language": "graph",
        "plates": {"row": "len(y)"},
        "sites": [
            {"name": "level", "distribution": "Gamma", "args": {"concentration": 4, "rate": 1}},
            {"name": "n", "distribution": "Poisson", "args": {"rate": "level"}, "plates": ["row"]},
            {
                "name": "y",
                "distribution": "Normal",
                "args": {"loc": "n", "scale": 1},
                "plates": ["row"],
                "observed": "y",
            },
        ],
    },
    {"y": [3.1, 5.2, 4.4]},
)
FEW = {"chains": 2, "warmup": 8, "draws": 4}
STEPS = {"steps": 100}

SAMPLERS = [
    {"kind": "hmc", **FEW},
    {"kind": "nuts", **FEW, "metric": "dense"},
    {"kind": "nuts", **FEW, "metric": "low_rank"},
]
ASCENTS = [
    {"kind": "mle", "optimizer": optimizer}
    for optimizer in ("lbfgs", "newton", "natural_gradient", "gradient_descent", "adam")
] + [
    {"kind": "mle", "standard_errors": "sandwich", "intervals": "profile"},
    {"kind": "map"},
    {"kind": "laplace", "draws": 50},
]
#: Those with products of transposed matrices.
TRANSPOSED = [
    {"kind": "pathfinder", "draws": 50},
    {"kind": "chees", "chains": 16, "warmup": 10, "draws": 5},
    {"kind": "vi", "guide": "structured", **STEPS},
]
VARIATIONAL = [
    *({"kind": "vi", "guide": guide, **STEPS} for guide in ("full_rank", "low_rank")),
    {"kind": "vi", "guide": "delta", **STEPS},
    {"kind": "vi", "guide": "mean_field", "estimator": "score_function", **STEPS},
    {"kind": "svgd", "particles": 20, "steps": 100},
]


def runs(engines: list[dict[str, Any]], model: Any) -> dict[str, dict[str, Any]]:
    """Run engines on both devices; return what came of it by name."""
    definition, data = model
    asked = [{"engine": engine, "model": definition, "data": data} for engine in engines]
    done = subprocess.run(
        [sys.executable, "-m", "tests.workers.engines.on_devices"],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(map(named, engines), found, strict=True))


def named(engine: dict[str, Any]) -> str:
    return "-".join(str(value) for value in engine.values() if isinstance(value, str))


def assert_same(found: dict[str, Any]) -> None:
    assert "error" not in found, found["error"]
    assert found["there"]["findings"] == found["here"]["findings"]
    assert found["there"]["draws"] == found["here"]["draws"]


@pytest.fixture(scope="module")
def ascents() -> dict[str, dict[str, Any]]:
    return runs(ASCENTS, RATE)


@pytest.fixture(scope="module")
def samplers() -> dict[str, dict[str, Any]]:
    return runs([*SAMPLERS, *TRANSPOSED], SCHOOLS)


@pytest.fixture(scope="module")
def approximations() -> dict[str, dict[str, Any]]:
    return runs(VARIATIONAL, RATE)


@pytest.mark.slow
@pytest.mark.parametrize("name", [named(engine) for engine in ASCENTS])
def test_ascents_are_the_same(ascents: dict[str, dict[str, Any]], name: str) -> None:
    assert_same(ascents[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [named(engine) for engine in SAMPLERS])
def test_samplers_are_the_same(samplers: dict[str, dict[str, Any]], name: str) -> None:
    assert_same(samplers[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [named(engine) for engine in VARIATIONAL])
def test_approximations_are_the_same(approximations: dict[str, dict[str, Any]], name: str) -> None:
    assert_same(approximations[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [named(engine) for engine in TRANSPOSED])
def test_others_come_to_an_end_too(samplers: dict[str, dict[str, Any]], name: str) -> None:
    found = samplers[name]
    assert "error" not in found, found["error"]
    here, there = found["here"], found["there"]
    outcomes = [json.loads(run["findings"])["outcome"] for run in (here, there)]
    assert outcomes[0] == outcomes[1]
    assert there["shapes"] == here["shapes"]
    assert there["finite"]


@pytest.mark.slow
def test_discrete_unknowns_are_the_same() -> None:
    (found,) = runs([{"kind": "vi", "steps": 100}], COUNTS).values()
    assert_same(found)
