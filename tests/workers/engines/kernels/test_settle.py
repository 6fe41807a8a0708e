"""The ELBO climbed on fixed noise."""

import math

import pytest
import torch

from models.density import AbstractLogDensity
from tests.workers.densities import FunctionDensity, GaussianDensity, funnel
from workers.engines.kernels.frame import Frame, round_frame
from workers.engines.kernels.guide import standard_normal
from workers.engines.kernels.settle import FIXED, FixedElbo, settled, start_settle, step_settle


def settle(density: AbstractLogDensity, frame: Frame) -> Frame:
    generator = torch.Generator().manual_seed(0)
    state = start_settle(density, frame, generator, 16)
    while not state.done:
        state = step_settle(density, state, 16)
    return settled(density, state, generator, 16)


def test_the_gradient_is_that_of_the_objective() -> None:
    generator = torch.Generator().manual_seed(1)
    frame = Frame(torch.ones(10).double(), torch.linspace(0.5, 2.0, 10).double())
    noise = standard_normal(generator, 8, frame.centre)
    objective = FixedElbo(funnel(), frame, noise, 8)
    point = 0.3 * torch.randn(1, 20, generator=generator, dtype=torch.float64)
    steps = 1e-6 * torch.eye(20).double()
    differences = torch.cat(
        [(objective(point + h)[0] - objective(point - h)[0]) / 2e-6 for h in steps]
    )
    torch.testing.assert_close(objective(point)[1][0], differences, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dense", [True, False])
def test_it_reaches_the_best_independent_normal(dense: bool) -> None:
    loc = torch.tensor([300.0, -2.0], dtype=torch.float64)
    density = GaussianDensity(loc, torch.diag(torch.tensor([1e4, 0.01])).double())
    frame = settle(density, round_frame(torch.zeros(2).double(), 1.0, dense))
    torch.testing.assert_close(frame.centre, loc, rtol=1e-3, atol=1e-2)  # odd terms cancel
    root = frame.root if frame.root.ndim == 1 else frame.root.diagonal()
    # The scale found is 1 over the root mean square of 32 draws.
    error = 4 / math.sqrt(2 * 32)
    torch.testing.assert_close(root, torch.tensor([100.0, 0.1]).double(), rtol=error, atol=0)


def test_it_walks_a_ridge_to_its_end() -> None:
    # Along location v and log widths v / 2 the funnel's ELBO is -v^2 / 18 and no more.
    start = Frame(
        torch.tensor([-3.0] + [0.0] * 9).double(), torch.tensor([0.5] + [0.2] * 9).double()
    )
    frame = settle(funnel(), start)
    assert abs(float(frame.centre[0])) < 0.1


def test_a_normal_that_only_the_fixed_noise_likes_is_refused() -> None:
    # Flat where the fixed draws reach, a cliff beyond: only fresh noise meets it.
    frame = round_frame(torch.zeros(1).double(), 0.1, dense=False)
    widest = float(
        standard_normal(torch.Generator().manual_seed(0), FIXED, frame.centre).abs().max()
    )
    density = FunctionDensity(
        lambda x: -1e4 * (x.abs() - widest).clamp(min=0.0), {"x": ((1,), "real")}
    )
    state = start_settle(density, frame, torch.Generator().manual_seed(0), 16)
    while not state.done:
        state = step_settle(density, state, 16)
    torch.testing.assert_close(state.reached.root, torch.ones(1).double(), rtol=0.01, atol=0)
    cases = set()
    for seed in range(1, 20):
        noise = standard_normal(torch.Generator().manual_seed(seed), FIXED, frame.centre)
        met = bool((noise.abs() > 1.01 * widest).any())
        kept = settled(density, state, torch.Generator().manual_seed(seed), 16)
        assert (kept is frame) == met
        cases.add(met)
    assert cases == {True, False}
