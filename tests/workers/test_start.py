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
from tests.workers.engines.test_nuts_on_models import DATA, EIGHT_SCHOOLS
from workers.checkpoints import keeper
from workers.dispatch.task import Origin, Task
from workers.execute import execute
from workers.plan import Plan
from workers.sink import StopReason
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws
from workers.store.tidy import tidy

TIERS = ("interpreted", "compiled")
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
        "max_tree_depth": 3,
    },
    "hmc": {"kind": "hmc", "chains": 3, "warmup": 30, "draws": 110, "metric": "low_rank"},
}  # fmt: skip
STEPS: dict[str, dict[str, tuple[int, ...]]] = {
    "chees": {"interpreted": (3, 7), "compiled": (2, 8)},
    "chees-until": {"interpreted": (8,), "compiled": (7,)},
    "nuts": {"interpreted": (17, 145), "compiled": (2, 6)},
    "hmc": {"interpreted": (11, 90), "compiled": (20, 134)},
}
#: The interpreted tier takes seconds for what takes the compiled one milliseconds.
SLOWLY = ("compiled", pytest.param("interpreted", marks=pytest.mark.slow))
CASES = [
    pytest.param(name, tier, step, marks=[pytest.mark.slow] if tier == "interpreted" else [])
    for name in STEPS
    for tier in TIERS
    for step in STEPS[name][tier]
]


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


def attempt(
    house: House, engine: Any, token: int, tier: str, job: str = "job", **more: Any
) -> Task:
    if tier == "compiled" and find_compiler() is None:
        pytest.skip("no C++ compiler")
    task = house.task(engine, data=DATA, definition=EIGHT_SCHOOLS, tier=tier, **more)
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
        assert ours is not None
        assert theirs is not None
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
    # First, and compiled: who waits for the compiler is asked whether to go on, too.
    uninterrupted = whole(name, tier)
    job = f"{name}-{tier}-{step}"
    killed(attempt(house, ENGINES[name], 1, tier, job), step)
    again = attempt(house, ENGINES[name], 2, tier, job)
    assert resumed_at(told(again)) == step
    assert_same_draws(house, again, uninterrupted)
    assert result(house, again) == result(house, uninterrupted)


def test_a_variational_fit_goes_on_too(house: House) -> None:
    engine = {"kind": "vi", "steps": 100, "draws": 600}
    task = attempt(house, engine, 1, "interpreted", job="vi")
    made = [payload["step"] for kind, payload in told(task) if kind == "checkpoint"][-1]
    # While it ascends, and while it draws.
    for number, step in enumerate((made - 60, made - 14)):
        job = f"vi-{number}"
        killed(attempt(house, engine, 1, "interpreted", job), step)
        again = attempt(house, engine, 2, "interpreted", job)
        assert resumed_at(told(again)) == step
        assert_same_draws(house, again, task)
        assert result(house, again) == result(house, task)


def test_it_may_be_interrupted_more_than_once_and_stopped(
    house: House, whole: Callable[[str, str], Task]
) -> None:
    killed(attempt(house, ENGINES["nuts"], 1, "interpreted", "often"), 20)
    # The second attempt is lost before it has kept anything itself.
    killed(attempt(house, ENGINES["nuts"], 2, "interpreted", "often"), 0)
    killed(attempt(house, ENGINES["nuts"], 3, "interpreted", "often"), 120)
    last = attempt(house, ENGINES["nuts"], 4, "interpreted", "often")
    assert resumed_at(told(last, Fate(5, stop=True))) == 140
    found = result(house, last)
    assert (found["outcome"], found["partial"]) == ("stopped", True)
    assert ArrowDraws(house.artifacts, last.prefix).draws == 105
    assert_same_draws(house, last, whole("nuts", "interpreted"), draws=105)


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "gone"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    house: House, whole: Callable[[str, str], Task], harm: str
) -> None:
    job = f"harmed-{harm}"
    killed(attempt(house, ENGINES["chees"], 1, "interpreted", job), 7)
    # Checkpoints 1, 3, 5, 7 went into the first file.
    key = f"jobs/{job}/1/checkpoint.0"
    content = bytearray(house.artifacts.get(key))
    content[len(content) // 2] ^= 64
    damaged = {"cut": content[:-100], "flipped": content, "empty": b"", "gone": b"x" * 100}
    house.artifacts.put(key, bytes(damaged[harm]))
    if harm == "gone":
        house.artifacts.delete(key)
    again = attempt(house, ENGINES["chees"], 2, "interpreted", job)
    assert resumed_at(told(again)) == 6
    assert_same_draws(house, again, whole("chees", "interpreted"))


def test_without_its_draws_a_checkpoint_is_of_no_use(
    house: House, whole: Callable[[str, str], Task]
) -> None:
    killed(attempt(house, ENGINES["hmc"], 1, "interpreted", "drawless"), 134)
    house.artifacts.put("jobs/drawless/1/draws.arrow", b"")
    again = attempt(house, ENGINES["hmc"], 2, "interpreted", "drawless")
    events = told(again)
    assert resumed_at(events) is None
    said = [payload["message"] for kind, payload in events if kind == "log"]
    assert any("its draws are not there" in message for message in said)
    assert_same_draws(house, again, whole("hmc", "interpreted"))


def test_a_checkpoint_tells_where_it_stands(house: House) -> None:
    task = attempt(house, ENGINES["chees"], 1, "interpreted", "telling")
    points = [payload for kind, payload in told(task) if kind == "checkpoint"]
    assert [point["step"] for point in points] == list(range(1, len(points) + 1))
    assert points[-1]["draws"] == 120, "five times 24; the others wait for their block"
    assert all(point["bytes"] > 1000 for point in points)


def test_by_the_clock_a_short_run_keeps_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    task = attempt(house, {**ENGINES["chees"], "draws": 30}, 1, "interpreted", "short")
    assert not [payload for kind, payload in told(task) if kind == "checkpoint"]
    names = [key.rpartition("/")[2] for key in house.artifacts.list(task.prefix)]
    assert names == ["draws.arrow", "result.json", "state", "stats.arrow"]


LONGER = {"nuts": {"draws": 110}, "hmc": {"draws": 110}, "chees": {"draws": 120}}


@pytest.mark.parametrize("tier", SLOWLY)
@pytest.mark.parametrize("name", sorted(LONGER))
def test_an_extension_draws_what_a_longer_job_would_have(
    house: House, whole: Callable[[str, str], Task], name: str, tier: str
) -> None:
    # In blocks of the engine's own, a crowd draws the same numbers whatever the length.
    engine = {**ENGINES[name], "draws": 48}
    first = attempt(house, engine, 1, tier, job=f"first-{name}-{tier}")
    told(first)
    origin = Origin(job=first.job, use="extend", prefix=first.prefix)
    job = f"longer-{name}-{tier}"
    killed(attempt(house, {**engine, **LONGER[name]}, 1, tier, job, origin=origin), 2)
    more = attempt(house, {**engine, **LONGER[name]}, 2, tier, job, origin=origin)
    events = told(more)
    assert resumed_at(events) == 2
    assert not [1 for kind, payload in events if payload.get("phase") == "warmup"], "no warm-up"
    reference = whole(name, tier)
    found = ArrowDraws(house.artifacts, more.prefix)
    assert found.draws == LONGER[name]["draws"]
    assert_same_draws(house, more, reference, draws=found.draws)


@pytest.mark.parametrize("tier", SLOWLY)
@pytest.mark.parametrize("name", ["chees", "nuts", "hmc"])
@pytest.mark.parametrize("origin_of", ["chees", "nuts"])
def test_a_warm_start_needs_no_warm_up(
    house: House, whole: Callable[[str, str], Task], name: str, tier: str, origin_of: str
) -> None:
    parent = whole(origin_of, tier)
    origin = Origin(job=parent.job, use="warm_start", prefix=parent.prefix)
    engine = {**ENGINES[name], "warmup": 0, "draws": 60, "chains": 6}
    task = attempt(house, engine, 1, tier, f"warm-{origin_of}-{name}-{tier}", origin=origin)
    told(task)
    found = result(house, task)
    assert "another job" in found["diagnostics"]["init"]
    assert 0.5 < np.mean(found["diagnostics"]["acceptance"]) <= 1.0
    mu = ArrowDraws(house.artifacts, parent.prefix).values("mu")
    assert abs(found["summary"]["mu"]["mean"] - mu.mean()) < mu.std()


def test_an_origin_that_is_gone_fails_the_job(house: House) -> None:
    origin = Origin(job="lost", use="warm_start", prefix="jobs/lost/1")
    task = attempt(house, ENGINES["nuts"], 1, "interpreted", "orphan", origin=origin)
    receipt = execute(task, lambda kind, payload: None, Fate(), KEPT)
    assert receipt.state == "failed"
    assert receipt.error is not None
    assert receipt.error["type"].endswith(":origin-lost")
    assert "lost" in receipt.error["detail"]


@pytest.mark.parametrize("step", [3, 8])
def test_the_tier_changes_at_the_step_of_the_plan(house: House, step: int) -> None:
    engine = {**ENGINES["nuts"], "max_tree_depth": 10}
    plan = {"engine": engine, "threads": 1, "tier": "interpreted", "compiled_from": 5}
    task = attempt(house, engine, 1, "compiled", f"planned-{step}", plan=plan)
    task = task.model_copy(update={"tier": "auto"})
    whole = task.model_copy(update={"job": "planned", "prefix": f"jobs/planned-{step}-whole/1"})
    told(whole)
    killed(task, step)
    again = task.model_copy(update={"token": 2, "prefix": f"{task.prefix[:-1]}2"})
    assert resumed_at(told(again)) == step
    assert result(house, again)["compiled_from"] == 5
    assert_same_draws(house, again, whole)


def test_in_single_precision_too(house: House) -> None:
    whole = attempt(house, ENGINES["chees"], 1, "compiled", "single-whole", precision="float32")
    told(whole)
    first = attempt(house, ENGINES["chees"], 1, "compiled", "single", precision="float32")
    killed(first, 7)
    again = attempt(house, ENGINES["chees"], 2, "compiled", "single", precision="float32")
    assert resumed_at(told(again)) == 7
    assert_same_draws(house, again, whole)


def test_in_an_object_store_too(house: House, whole: Callable[[str, str], Task]) -> None:
    uninterrupted = whole("nuts", "compiled")
    store = Artifacts("memory://interrupted")
    first = attempt(house, ENGINES["nuts"], 1, "compiled", "object")
    store.put(first.input_key, house.artifacts.get(first.input_key))
    first = first.model_copy(update={"artifacts": store.url})
    killed(first, 6)
    # Such a store never shows what was not closed.
    for name in ("draws", "stats"):
        store.delete(f"{first.prefix}/{name}.arrow")
    again = first.model_copy(update={"token": 2, "prefix": "jobs/object/2"})
    assert resumed_at(told(again)) == 6
    found = ArrowDraws(store, again.prefix)
    expected = ArrowDraws(house.artifacts, uninterrupted.prefix)
    np.testing.assert_array_equal(found.values("theta"), expected.values("theta"))
    tidy(store, "object", again.prefix)
    names = [key.rpartition("/")[2] for key in store.list("jobs/object")]
    assert names == ["draws.arrow", "result.json", "state", "stats.arrow"]
