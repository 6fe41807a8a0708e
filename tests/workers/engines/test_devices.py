"""Every engine on a device that is not the CPU: nothing is left behind on the host.

The second device holds its numbers on the CPU, so results are the CPU's, bit for bit; but it knows
no strides, which torch's matrix products look at to choose among ways that round differently. The
guide `flow` is left out: a device in Python cannot have a module's parameters.
"""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from models.compile import CompiledDensity, compile_model
from models.data import load_data
from models.definition import parse_definition
from tests.second_device import Generator, install
from tests.workers.engines.runs import Finished, finished
from workers.engines import AnyEngineOptions

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
FEW = {"chains": 4, "warmup": 20, "draws": 10}
STEPS = {"steps": 200}

SAMPLERS = [
    {"kind": "hmc", **FEW},
    {"kind": "nuts", **FEW},
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
    {"kind": "chees", "chains": 16, "warmup": 20, "draws": 10},
    {"kind": "vi", "guide": "structured", **STEPS},
]
VARIATIONAL = [
    *({"kind": "vi", "guide": guide, **STEPS} for guide in ("mean_field", "full_rank", "low_rank")),
    {"kind": "vi", "guide": "delta", **STEPS},
    {"kind": "vi", "guide": "mean_field", "estimator": "score_function", **STEPS},
    {"kind": "svgd", "particles": 20, "steps": 100},
]


def compiled(model: tuple[dict[str, Any], dict[str, Any]], device: str) -> CompiledDensity:
    definition, data = model
    return compile_model(
        parse_definition(definition), load_data(data), device=device, discrete=True
    )


def ran(engine: dict[str, Any], model: Any, device: str, patch: pytest.MonkeyPatch) -> Finished:
    with patch.context() as within:
        within.setattr(torch, "Generator", Generator)
        density = compiled(model, device)
        assert density.device.type == device
        return finished(TypeAdapter(AnyEngineOptions).validate_python(engine), density)


def assert_equal(here: Finished, there: Finished) -> None:
    assert there.findings.model_dump_json() == here.findings.model_dump_json()
    assert there.draws.names() == here.draws.names()
    for name in here.draws.names():
        np.testing.assert_array_equal(there.draws.values(name), here.draws.values(name))


@pytest.fixture(scope="module")
def second() -> str:
    return install().type


def named(engine: dict[str, Any]) -> str:
    return "-".join(str(value) for value in engine.values() if isinstance(value, str))


@pytest.mark.parametrize("engine", ASCENTS, ids=named)
def test_ascents_are_the_same(
    engine: dict[str, Any], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [ran(engine, RATE, device, monkeypatch) for device in ("cpu", second)]
    assert_equal(*runs)


@pytest.mark.slow
@pytest.mark.parametrize("engine", SAMPLERS, ids=named)
def test_samplers_are_the_same(
    engine: dict[str, Any], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [ran(engine, SCHOOLS, device, monkeypatch) for device in ("cpu", second)]
    assert_equal(*runs)


@pytest.mark.slow
@pytest.mark.parametrize("engine", VARIATIONAL, ids=named)
def test_approximations_are_the_same(
    engine: dict[str, Any], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [ran(engine, RATE, device, monkeypatch) for device in ("cpu", second)]
    assert_equal(*runs)


@pytest.mark.slow
@pytest.mark.parametrize("engine", TRANSPOSED, ids=named)
def test_others_come_to_an_end_too(
    engine: dict[str, Any], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (ran(engine, SCHOOLS, device, monkeypatch) for device in ("cpu", second))
    assert there.findings.outcome == here.findings.outcome
    assert there.draws.names() == here.draws.names()
    for name in here.draws.names():
        assert there.draws.values(name).shape == here.draws.values(name).shape
        assert np.isfinite(there.draws.values(name)).all()


@pytest.mark.slow
def test_discrete_unknowns_are_the_same(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = {"kind": "vi", "steps": 200}
    runs = [ran(engine, COUNTS, device, monkeypatch) for device in ("cpu", second)]
    assert_equal(*runs)
