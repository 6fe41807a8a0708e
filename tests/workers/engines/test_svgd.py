"""Stein variational gradient descent on densities whose moments are known."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.workers.densities import FunctionDensity, GaussianDensity, half_space
from tests.workers.engines.runs import finished
from workers.engines.svgd import Svgd, SvgdOptions
from workers.results import Outcome


def gaussian() -> GaussianDensity:
    covariance = torch.tensor([[1e6, 700.0], [700.0, 1.0]], dtype=torch.float64)
    return GaussianDensity(torch.tensor([3e4, -2.0]).double(), covariance)


def test_particles_take_the_place_and_shape_of_a_normal() -> None:
    density = gaussian()
    done = finished(SvgdOptions(particles=100), density)
    found = done.findings
    assert found.outcome == Outcome.CONVERGED
    assert done.draws.values("x").shape == (1, 100, 2)
    sd = density.covariance.diagonal().sqrt().numpy()
    assert found.summary is not None
    summary = found.summary["x"]
    assert np.abs((np.array(summary.mean) - density.loc.numpy()) / sd).max() < 0.01
    # The spread that the particles have by Stein's identity is the one that they have.
    assert found.stein is not None
    assert found.stein.spread is not None
    whole = np.linalg.solve(density.covariance.numpy(), np.cov(done.draws.values("x")[0].T))
    assert found.stein.spread == pytest.approx(np.trace(whole) / 2, abs=0.01)
    assert 0.85 < found.stein.spread < 1.0
    assert found.stein.final is not None
    assert found.stein.independent is not None
    assert found.stein.final < 0.3 * found.stein.independent
    assert found.stein.trace[0] > found.stein.trace[-1] == found.stein.final
    assert done.codes() == []


def test_particles_follow_a_bend() -> None:
    def likelihood(x: Tensor) -> Tensor:
        bent = torch.stack([x[:, 0], x[:, 1] - 0.5 * x[:, 0] ** 2], 1)
        return -0.5 * bent**2

    found = finished(
        SvgdOptions(particles=200), FunctionDensity(likelihood, {"x": ((2,), "real")})
    ).findings
    assert found.summary is not None
    # E y = E x^2 / 2 = 0.5; the variances are 1 and 1.5, of which particles keep less.
    mean, sd = np.array(found.summary["x"].mean), np.array(found.summary["x"].sd)
    np.testing.assert_allclose(mean, [0.0, 0.5], atol=0.12)
    np.testing.assert_allclose(sd, [1.0, 1.5**0.5], rtol=0.12)


def test_in_many_dimensions_it_warns_that_variances_are_small() -> None:
    density = GaussianDensity(torch.zeros(20), torch.eye(20))
    done = finished(SvgdOptions(particles=40, steps=400), density)
    assert done.codes() == ["particles_close"]
    assert done.findings.stein is not None
    assert done.findings.stein.spread is not None
    assert done.findings.summary is not None
    variance = np.mean(np.square(done.findings.summary["x"].sd))
    # It was measured one step before the end.
    assert done.findings.stein.spread == pytest.approx(variance, rel=0.01)
    assert variance < 0.4
    assert done.findings.diagnostics is not None
    message = done.findings.diagnostics.warnings[0].message
    assert "(20)" in message
    assert "(3.7)" in message


def test_too_few_steps_are_an_outcome() -> None:
    found = finished(SvgdOptions(steps=5, particles=10), gaussian()).findings
    assert found.outcome == Outcome.MAX_ITERATIONS
    assert found.stein is not None
    assert found.stein.steps == [1, 5]


def test_no_particle_leaves_the_support() -> None:
    done = finished(SvgdOptions(steps=300, particles=30), half_space())
    assert done.draws.values("x").min() > 0.0
    # Half normals: their means are 0.80. Particles at the wall would go on.
    assert done.findings.outcome == Outcome.MAX_ITERATIONS
    assert done.findings.summary is not None
    assert done.findings.summary["x"].mean == pytest.approx([0.8, 0.8], abs=0.25)


def test_a_state_continues_bit_for_bit() -> None:
    engine, density = Svgd(SvgdOptions(particles=10)), gaussian()
    state = engine.init(density, torch.Generator().manual_seed(0))
    while state.steps < 5:
        state, _ = engine.step(density, state)
    ends = []
    for _ in range(2):
        onward = state
        for _ in range(5):
            onward, _ = engine.step(density, onward)
        assert onward.swarm is not None
        ends.append(onward.swarm.w)
    assert torch.equal(*ends)


@pytest.mark.parametrize(
    "option", [{"particles": 1}, {"particles": 10_000}, {"tolerance": 0.0}, {"draws": 10}]
)
def test_options_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SvgdOptions(**option)
