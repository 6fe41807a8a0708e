"""Events are few, complete and finite, whatever the pace of the steps."""

import pytest
import torch
from arviz_stats.base import array_stats

from workers.draws import MemorySink
from workers.engines.engine import Info
from workers.reporter import Reporter


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_fast_steps_make_few_events_and_lose_no_elbo() -> None:
    clock, sink = Clock(), MemorySink()
    reporter = Reporter(sink, clock)
    for k in range(1, 1001):
        clock.now += 0.001
        reporter.take(Info("fit", k, 1000, elbo=(k, -float(k))))
    reporter.close()
    progress = [payload for kind, payload in sink.events if kind == "progress"]
    elbo = [payload for kind, payload in sink.events if kind == "elbo"]
    assert 4 <= len(progress) <= 6
    assert [s for e in elbo for s in e["steps"]] == list(range(1, 1001))
    assert [v for e in elbo for v in e["values"]] == [-float(k) for k in range(1, 1001)]
    assert progress[-1]["done"] == 1000


def test_progress_says_how_fast_and_how_long() -> None:
    clock, sink = Clock(), MemorySink()
    reporter = Reporter(sink, clock)
    clock.now += 2.0
    reporter.take(Info("warmup", 10, 50, progress={"step_size": float("inf"), "divergences": 1.0}))
    assert sink.events == [
        (
            "progress",
            {
                "done": 10,
                "total": 50,
                "rate": 5.0,
                "eta_seconds": 8.0,
                "phase": "warmup",
                "step_size": None,
                "divergences": 1.0,
            },
        )
    ]


def test_chains_under_way_have_an_r_hat_and_independent_draws_none() -> None:
    z = torch.randn(4, 50, 2, generator=torch.Generator().manual_seed(1))
    known = array_stats.rhat(z.double().numpy(), method="identity", chain_axis=0, draw_axis=1)
    told = {}
    for phase in ("sample", "draw"):
        clock, sink = Clock(), MemorySink()
        reporter = Reporter(sink, clock)
        reporter.take(Info("warmup", 1, 51))
        for k in range(50):
            clock.now += 0.1
            reporter.take(Info(phase, 2 + k, 51, draws=z[:, k : k + 1]))
        reporter.close()
        told[phase] = [payload.get("r_hat") for kind, payload in sink.events if kind == "progress"]
    assert told["sample"][0] is None
    assert told["sample"][-1] == pytest.approx(float(known.max()), rel=1e-9)
    assert set(told["draw"]) == {None}


def test_time_goes_to_warm_up_and_sampling() -> None:
    clock = Clock()
    reporter = Reporter(MemorySink(), clock)
    for phase, seconds in (("warmup", 1.0), ("warmup", 2.0), ("sample", 4.0), ("draw", 0.5)):
        clock.now += seconds
        reporter.take(Info(phase, 1, 4))
    assert reporter.timings == {"warmup": 3.0, "sample": 4.5}


def test_a_run_without_steps_has_no_events() -> None:
    sink = MemorySink()
    reporter = Reporter(sink, Clock())
    reporter.close()
    assert sink.events == []
    assert reporter.timings == {}
