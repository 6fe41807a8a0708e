"""Every engine can be stopped: it asks often whether to go on, and what it has stays readable."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.cache import Cache
from tests.workers.dispatch.house import House
from workers.engines import ENGINES
from workers.execute import execute
from workers.plan import Plan
from workers.sink import StopReason

#: Seconds of its own in which a run follows a request to stop: a step is the longest of them.
SOON = 2.0
_NORMAL = {"distribution": "Normal", "args": {"loc": 0, "scale": 5}}
MODEL: dict[str, Any] = {
    "language": "graph",
    "plates": {"row": "len(y)"},
    "sites": [
        {"name": "a", **_NORMAL},
        {"name": "b", **_NORMAL},
        {"name": "s", "distribution": "HalfNormal", "args": {"scale": 2}},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "a + b * x", "scale": "s"},
            "plates": ["row"],
            "observed": "y",
        },
    ],
}
#: What is recorded of the model, shared by all tests.
KEPT = Cache()
X = np.linspace(-2, 2, 60)
DATA = {"x": X.tolist(), "y": (0.5 + X + np.sin(7 * X)).tolist()}
STAN: dict[str, Any] = {
    "language": "stan",
    "source": "parameters { vector[2] x; } model { x ~ normal(1, 2); }",
}
#: Runs of every engine, and of what it does in other ways: small, but for their steps.
RUNS: dict[str, dict[str, Any]] = {
    "nuts": {"kind": "nuts", "chains": 2, "warmup": 20, "draws": 20},
    "hmc": {"kind": "hmc", "chains": 2, "warmup": 20, "draws": 20, "trajectory_length": 0.3},
    "chees": {"kind": "chees", "chains": 8, "warmup": 30, "draws": 30},
    "vi": {"kind": "vi", "steps": 150, "draws": 50},
    "vi, minibatches": {"kind": "vi", "steps": 150, "draws": 50, "minibatch": 10},
    "svgd": {"kind": "svgd", "particles": 20, "steps": 100},
    "laplace": {"kind": "laplace"},
    "pathfinder": {"kind": "pathfinder"},
    "mle": {"kind": "mle"},
    "mle, newton": {"kind": "mle", "optimizer": "newton"},
    "mle, minibatches": {"kind": "mle", "optimizer": "adam", "minibatch": 10},
    "mle, profile": {"kind": "mle", "intervals": "profile", "restriction": {"b": 1}},
    "map": {"kind": "map"},
    "stan": {"kind": "stan", "chains": 2, "warmup": 50, "draws": 350},
}


class Asked:
    """Notes when a run asks, and stops it from the n-th question on."""

    def __init__(self, after: float = float("inf")) -> None:
        self.times: list[float] = []
        self._after = after

    def stop(self) -> StopReason | None:
        self.times.append(time.thread_time())
        return StopReason.DEADLINE if len(self.times) > self._after else None

    def commit(self, plan: Plan) -> bool:
        return True


@pytest.fixture
def house(tmp_path: Path) -> Any:
    made = House(tmp_path)
    yield made
    made.close()


def ended(house: House, name: str, control: Asked) -> tuple[str, dict[str, Any] | None]:
    """Run an engine; return its job's state and its result."""
    stan = name == "stan"
    model, data = (STAN, {}) if stan else (MODEL, DATA)
    task = house.task(RUNS[name], definition=model, data=data, tier="interpreted")
    receipt = execute(task, lambda kind, payload: None, control, KEPT)
    assert receipt.error is None
    if not receipt.result:
        return receipt.state, None
    return receipt.state, json.loads(house.artifacts.get(f"{task.prefix}/result.json"))


def test_every_engine_is_here() -> None:
    assert {options["kind"] for options in RUNS.values()} == set(ENGINES)


@pytest.mark.parametrize("name", RUNS)
def test_it_asks_often_and_expires_with_what_there_is(house: House, name: str) -> None:
    whole = Asked()
    state, _ = ended(house, name, whole)
    assert state == "succeeded"
    # How long the library's own sampler takes is asked by the clock, so the count is not the same.
    questions = len(whole.times)
    waits = np.diff(whole.times)
    assert waits.max() < SOON, f"step {waits.argmax()} of {len(waits)}"

    last = questions - 2 if name != "stan" else 1
    state, result = ended(house, name, Asked(last))
    assert state == "expired"
    if name == "stan" and result is None:
        # It hands on its draws when all are there, which may be after the question.
        return
    assert result is not None
    assert (result["partial"], result["outcome"]) == (True, "stopped")
    assert result.keys() & {"summary", "mle", "elbo", "stein", "approximation"}


@pytest.mark.parametrize("name", RUNS)
def test_it_expires_at_any_time(house: House, name: str) -> None:
    for after in (0, 1, 4):
        state, result = ended(house, name, Asked(after))
        assert state == "expired"
        assert result is None or result["partial"] is True
