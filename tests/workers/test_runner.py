"""The one loop: stops, phases, events, non-finite states; same seed, same bits."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from models.density import AbstractLogDensity, Note
from tests.workers.densities import GaussianDensity
from workers.draws import MemorySink
from workers.engines.engine import AbstractEngine, Draws, EngineOptions, Info
from workers.plan import Plan
from workers.results import Findings, Outcome
from workers.runner import StopReason, run


class CountingOptions(EngineOptions):
    steps: int = 10
    #: The step that draws nan, if any.
    breaks_at: int | None = None


class Counting(AbstractEngine[CountingOptions, int]):
    """Draws its step number; half warm-up, half sampling."""

    kind: ClassVar[str] = "counting"

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> int:
        return 0

    def step(self, density: AbstractLogDensity, state: int) -> tuple[int, Info]:
        state += 1
        if state <= self.options.steps // 2:
            return state, Info("warmup", state, self.options.steps)
        value = torch.nan if state == self.options.breaks_at else float(state)
        z = torch.full((2, 1, density.dim), value, dtype=density.dtype)
        return state, Info("sample", state, self.options.steps, draws=z)

    def done(self, state: int) -> Outcome | None:
        return Outcome.COMPLETED if state == self.options.steps else None

    def finish(
        self, density: AbstractLogDensity, state: int, outcome: Outcome, draws: Draws
    ) -> Findings:
        return Findings(outcome=outcome, message=f"{state} steps, {draws.draws} draws")


@dataclass
class After:
    """Stops a run after so many questions."""

    count: int | None = None

    def stop(self) -> StopReason | None:
        if self.count is None:
            return None
        self.count -= 1
        return StopReason.CANCELLED if self.count < 0 else None

    def commit(self, plan: Plan) -> bool:
        return True


def density() -> GaussianDensity:
    return GaussianDensity(torch.zeros(3), torch.eye(3))


def go(options: CountingOptions, control: After | None = None, target=None):
    sink = MemorySink()
    engine = Counting(options)
    findings, timings = run(
        engine, target or density(), seed=1, sink=sink, control=control or After()
    )
    return findings, timings, sink


def test_a_whole_run() -> None:
    findings, timings, sink = go(CountingOptions())
    assert findings.outcome == Outcome.COMPLETED
    assert findings.message == "10 steps, 5 draws"
    assert set(timings) == {"warmup", "sample"}
    np.testing.assert_array_equal(sink.draws().values("x")[0, :, 0], [6, 7, 8, 9, 10])
    kind, payload = sink.events[-1]
    assert (kind, payload["done"], payload["phase"]) == ("progress", 10, "sample")


def test_a_stopped_run_keeps_what_it_has() -> None:
    findings, _, sink = go(CountingOptions(), After(7))
    assert findings.outcome == Outcome.STOPPED
    assert findings.message == "7 steps, 2 draws"
    assert sink.draws().draws == 2


def test_a_run_stopped_before_its_first_step() -> None:
    findings, timings, sink = go(CountingOptions(), After(0))
    assert findings.message == "0 steps, 0 draws"
    assert timings == {}
    assert sink.events == []


@pytest.mark.parametrize("steps", [10, 1000])
def test_a_draw_that_is_not_finite_ends_the_run(steps: int) -> None:
    findings, _, sink = go(CountingOptions(steps=steps, breaks_at=steps // 2 + 3))
    assert findings.outcome == Outcome.NON_FINITE
    # The run ends with the block that holds the draw.
    assert sink.draws().draws <= 100


def test_notes_of_the_density_are_logged() -> None:
    target = density()
    target.notes = (Note("loop", "Chains are looped over."),)
    _, _, sink = go(CountingOptions(), target=target)
    assert sink.events[0] == ("log", {"level": "info", "message": "Chains are looped over."})
