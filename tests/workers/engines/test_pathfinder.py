"""Pathfinder as an engine: normals it finds, evidence, and what importance does for it."""

import math

import numpy as np
import pytest
import torch

from tests.workers.densities import FunctionDensity, GaussianDensity, funnel
from tests.workers.engines.runs import finished
from workers.engines.pathfinder import PathfinderOptions
from workers.results import Outcome


@pytest.mark.parametrize("dim", [1, 6])
def test_a_normal_is_found_with_its_evidence(dim: int) -> None:
    sd = torch.logspace(-1, 1, dim, dtype=torch.float64)
    correlation = 0.5 * torch.eye(dim).double() + 0.5
    density = GaussianDensity(3 * sd, sd[:, None] * correlation * sd)
    done = finished(PathfinderOptions(draws=4000), density)
    found = done.findings
    assert found.outcome == Outcome.COMPLETED
    assert found.approximation is not None
    assert found.approximation.pareto_k < 0.7
    evidence = found.approximation.log_evidence
    assert evidence.standard_error is not None
    assert abs(evidence.importance) < 4 * evidence.standard_error + 1e-6
    assert evidence.laplace is None
    assert done.draws.values("x").shape == (1, 4000, dim)
    assert found.summary is not None
    away = (np.array(found.summary["x"].mean) - density.loc.numpy()) / sd.numpy()
    # Resampled draws repeat: they count for fewer.
    assert abs(away).max() < 8 / math.sqrt(4000)
    np.testing.assert_allclose(np.array(found.summary["x"].sd) / sd.numpy(), 1.0, atol=0.15)


def test_a_path_that_led_to_little_mass_has_no_say() -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        one = -0.5 * ((x + 8) / 0.5) ** 2 - 6.0
        other = -0.5 * ((x - 8) / 0.5) ** 2
        return torch.logaddexp(one, other)

    density = FunctionDensity(
        likelihood,
        {"x": ((1,), "real")},
        start=lambda generator, count: (
            8.0 * (2.0 * (torch.arange(count) % 2) - 1)[:, None].double()
        ),
    )
    done = finished(PathfinderOptions(paths=8), density)
    share = float((done.draws.values("x") < 0).mean())
    assert share == pytest.approx(math.exp(-6) / (1 + math.exp(-6)), abs=0.01)
    assert done.findings.approximation is not None
    elbos = done.findings.approximation.paths
    assert len(elbos) == 8
    assert elbos[0] - elbos[-1] == pytest.approx(6.0, abs=0.5)
    # The masses of the modes add up.
    exact = math.log(0.5 * math.sqrt(2 * math.pi) * (1 + math.exp(-6)))
    evidence = done.findings.approximation.log_evidence
    assert evidence.importance == pytest.approx(exact, abs=5 * evidence.standard_error + 1e-3)


def test_a_funnel_is_told_by_pareto_k() -> None:
    done = finished(PathfinderOptions(), funnel())
    assert done.codes() == ["pareto_k"]
