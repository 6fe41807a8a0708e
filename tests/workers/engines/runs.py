"""Runs of an engine in memory, for tests."""

from dataclasses import dataclass

import numpy as np

from models.density import AbstractLogDensity
from workers.draws import MemoryDraws, MemorySink
from workers.engines import build_engine
from workers.engines.engine import EngineOptions
from workers.results import Findings
from workers.runner import run
from workers.unattended import Unattended


@dataclass
class Finished:
    findings: Findings
    draws: MemoryDraws
    sink: MemorySink

    def codes(self) -> list[str]:
        assert self.findings.diagnostics is not None
        return [warning.code for warning in self.findings.diagnostics.warnings]


def finished(options: EngineOptions, density: AbstractLogDensity, seed: int = 1) -> Finished:
    sink = MemorySink()
    findings, _ = run(build_engine(options), density, seed=seed, sink=sink, control=Unattended())
    return Finished(findings, sink.draws(), sink)


def assert_moments(done: Finished, name: str, mean: np.ndarray, variance: np.ndarray) -> None:
    """Means and variances within 4 Monte Carlo errors, entry by entry."""
    summary = done.findings.summary[name]
    values = done.draws.values(name)
    values = values.reshape(-1, np.prod(values.shape[2:], dtype=int))
    ess = np.reshape(summary.ess_bulk, -1)
    assert (abs(values.mean(0) - mean) < 4 * np.sqrt(variance / ess)).all()
    # The square's own effective size is smaller than the mean's; the tail ESS bounds it.
    tail = np.minimum(ess, np.reshape(summary.ess_tail, -1))
    squares = ((values - mean) ** 2).mean(0)
    assert (abs(squares / variance - 1) < 4 * np.sqrt(2 / tail)).all()
