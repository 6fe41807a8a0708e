"""Runs that are interrupted and go on, and jobs that go on from others: the draws, bit for bit."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from models.toolchain import find_compiler
from tests.workers.dispatch.house import House
from tests.workers.engines.posted import KEPT
from workers.checkpoints import keeper
from workers.dispatch.task import Origin, Task
from workers.execute import execute
from workers.plan import Plan
from workers.sink import StopReason
from workers.store.draws import ArrowDraws

TIERS = ("interpreted", "compiled")
#: Eight schools, non-centred: small, and no two coordinates alike.
SCHOOLS: dict[str, Any] = {
    "language": "graph",
    "plates": {"school": "len(y)"},
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "tau", "distribution": "HalfCauchy", "args": {"scale": 5}},
        {
            "name": "eta",
            "distribution": "Normal",
            "args": {"loc": 0, "scale": 1},
            "plates": ["school"],
        },
        {"name": "theta", "value": "mu + tau * eta"},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "theta", "scale": "sigma"},
            "plates": ["school"],
            "observed": "y",
        },
    ],
}
DATA = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}
#: Engines with the steps, by tier, at which a run is interrupted: in warm-up, in a window's middle,
#: while draws are made, with some of them waiting for their block.
ENGINES: dict[str, dict[str, Any]] = {
    "chees": {"kind": "chees", "chains": 8, "warmup": 40, "draws": 130, "metric": "low_rank"},
    "chees-until": {
        "kind": "chees", "chains": 8, "warmup": 40, "draws": 200, "metric": "dense",
        "until": {"ess_bulk": 400, "r_hat": None},
    },
    "nuts": {
        "kind": "nuts", "chains": 3, "warmup": 40, "draws": 110, "metric": "dense",
        "max_tree_depth": 4,
    },
    "hmc": {"kind": "hmc", "chains": 3, "warmup": 30, "draws": 110, "metric": "low_rank"},
}  # fmt: skip
STEPS: dict[str, dict[str, tuple[int, ...]]] = {
    "chees": {"interpreted": (3, 7), "compiled": (2, 8)},
    "chees-until": {"interpreted": (8,), "compiled": (7,)},
    "nuts": {"interpreted": (17, 145), "compiled": (2, 6)},
    "hmc": {"interpreted": (11, 90), "compiled": (20, 134)},
}
CASES = [(name, tier, step) for name in STEPS for tier in TIERS for step in STEPS[name][tier]]


class Killed(BaseException):
    """Nobody catches it: as if the process had ended."""


class Fate:
    """Lets a run go on, or kills it before it makes the step with this number, counted anew."""

    def __init__(self, steps: int | None = None, stop: bool = False) -> None:
        # The first question is asked before the run begins.
        self._left = None if steps is None else steps + 1
        self._stop = stop

    def stop(self) -> StopReason | None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                if self._stop:
                    return StopReason.CANCELLED
                raise Killed
        return None

    def commit(self, plan: Plan) -> bool:
        return True


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def whole(house: House) -> Callable[[str, str], Task]:
    """Runs that nobody interrupted, by engine and tier."""

    @cache
    def run(name: str, tier: str) -> Task:
        task = attempt(house, ENGINES[name], 1, tier, job=f"{name}-{tier}")
        told(task)
        return task

    return run


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step ends with a checkpoint."""
    for name in ("EVERY", "WHOLE", "REST"):
        monkeypatch.setattr(keeper, name, 0.0)


def attempt(house: House, engine: Any, token: int, tier: str, job: str = "job", **more: Any) -> Task:
    if tier == "compiled" and find_compiler() is None:
        pytest.skip("no C++ compiler")
    task = house.task(engine, data=DATA, definition=SCHOOLS, tier=tier, **more)
    return task.model_copy(update={"job": job, "token": token, "prefix": f"jobs/{job}/{token}"})


def told(task: Task, fate: Fate | None = None) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    receipt = execute(
        task, lambda kind, payload: events.append((kind, payload)), fate or Fate(), KEPT
    )
    assert receipt.state in ("succeeded", "cancelled"), receipt
    return events


def killed(task: Task, steps: int) -> None:
    with pytest.raises(Killed):
        told(task, Fate(steps))


def result(house: House, task: Task) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.artifacts.get(f"{task.prefix}/result.json"))
    return {name: value for name, value in found.items() if name not in ("timing", "job")}


def assert_same_draws(house: House, task: Task, other: Task, draws: int | None = None) -> None:
    here, there = (ArrowDraws(house.artifacts, each.prefix) for each in (task, other))
    assert here.names() == there.names()
    assert here.statistics() == there.statistics()
    count = there.draws if draws is None else draws
    for name in here.names():
        np.testing.assert_array_equal(here.values(name)[:, :count], there.values(name)[:, :count])
    for name in here.statistics():
        ours, theirs = here.stats(name), there.stats(name)
        assert ours is not None and theirs is not None
        np.testing.assert_array_equal(ours[:, :count], theirs[:, :count])


def resumed_at(events: list[tuple[str, dict[str, Any]]]) -> int | None:
    for kind, payload in events:
        words = str(payload.get("message", "")).split()
        if kind == "log" and words[:4] == ["goes", "on", "from", "step"]:
            return int(words[4].rstrip(","))
    return None


@pytest.mark.parametrize(("name", "tier", "step"), CASES)
def test_a_resumed_sampler_draws_what_it_would_have(
    house: House, whole: Callable[[str, str], Task], name: str, tier: str, step: int
) -> None:
    job = f"{name}-{tier}-{step}"
    killed(attempt(house, ENGINES[name], 1, tier, job), step)
    again = attempt(house, ENGINES[name], 2, tier, job)
    assert resumed_at(told(again)) == step
    assert_same_draws(house, again, whole(name, tier))
    assert result(house, again) == result(house, whole(name, tier))
