"""Adam on minibatches: it arrives near the maximum, on average, by a seed."""

import numpy as np
import pytest
import torch

from models.blocks import BlockedDensity
from models.density import AbstractLogDensity, Target
from models.minibatch import MinibatchModel
from models.rows import find_rows
from tests.workers.engines.posted import posted
from workers.engines.kernels.elbo import estimate_elbo
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.stochastic import (
    StochasticState,
    start_stochastic,
    step_stochastic,
)

SOURCE = """
def model(x, y):
    beta = pyro.param("beta", torch.zeros(2))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(beta[0] + beta[1] * x, 1.0), obs=y)
"""
RNG = np.random.default_rng(0)
X = RNG.normal(size=3000)
Y = 1.0 - 0.5 * X + RNG.normal(size=3000)
DESIGN = np.column_stack([np.ones(3000), X])
EXACT = np.linalg.lstsq(DESIGN, Y, rcond=None)[0]
ERROR = np.sqrt(np.linalg.inv(DESIGN.T @ DESIGN).diagonal())


@pytest.fixture(scope="module")
def model() -> MinibatchModel:
    density = posted(SOURCE, {"x": X.tolist(), "y": Y.tolist()})
    return MinibatchModel(density, find_rows(density))


def run(model: MinibatchModel, seed: int, limit: int = 2000) -> StochasticState:
    z = torch.tensor([[3.0, 3.0], [-2.0, 0.0]], dtype=torch.float64)
    state = start_stochastic(model.rows, z, torch.Generator().manual_seed(seed))
    while not state.done:
        state = step_stochastic(model, Target.LIKELIHOOD, state, 50, limit, 1e-10)
    return state


@pytest.mark.slow
def test_averaged_iterates_are_near_the_maximum_from_every_start(model: MinibatchModel) -> None:
    state = run(model, 1)
    assert state.plateau.done
    assert state.iterations < 1800
    # 500 steps of 50 rows see each row eight times.
    away = (state.average.numpy() - EXACT) / ERROR
    assert np.abs(away).max() < 3.0


def test_the_seed_decides_and_an_interrupted_run_goes_on(model: MinibatchModel) -> None:
    one, other = run(model, 1, 100), run(model, 2, 100)
    assert one.iterations == 90
    assert torch.equal(one.z, run(model, 1, 100).z)
    assert not torch.equal(one.z, other.z)


def test_rows_outside_the_support_do_not_move_a_start(model: MinibatchModel) -> None:
    z = torch.tensor([[torch.inf, 0.0], [0.0, 0.0]], dtype=torch.float64)
    state = start_stochastic(model.rows, z, torch.Generator().manual_seed(0))
    state = step_stochastic(model, Target.LIKELIHOOD, state, 50, 100, 1e-10)
    assert bool(torch.isfinite(state.z[1]).all())
    assert np.isfinite(state.height)
    assert torch.equal(state.z[0], z[0])


@pytest.mark.slow
def test_the_elbo_s_gradient_is_unbiased_over_minibatches(model: MinibatchModel) -> None:
    """What variational inference climbs: the same noise of the guide, other rows every time."""
    whole = BlockedDensity(model, 1000)
    guide, frame = MeanField(), Frame(torch.tensor(EXACT), torch.tensor(ERROR))
    parameters = guide.start(frame)

    def gradient(density: AbstractLogDensity) -> tuple[float, torch.Tensor]:
        noise = torch.Generator().manual_seed(5)
        found = estimate_elbo(density, guide, frame, parameters, noise, 8)
        return found.elbo, torch.cat([g.reshape(-1) for g in found.gradient])

    generator = torch.Generator().manual_seed(6)
    samples = [gradient(whole.estimated(model.sample(generator, 40))) for _ in range(400)]
    bound, slope = gradient(whole)
    bounds = np.array([one for one, _ in samples])
    assert abs(bounds.mean() - bound) < 4 * bounds.std() / 20
    slopes = torch.stack([one for _, one in samples])
    assert bool(((slopes.mean(0) - slope).abs() < 4 * slopes.std(0) / 20).all())
