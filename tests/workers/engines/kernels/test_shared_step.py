"""One step size for all chains."""

import math

import pytest
import torch

from workers.engines.kernels import shared_step


def test_the_acceptance_reaches_its_target_quickly() -> None:
    # An acceptance of exp(-eps) is 0.8 at eps = log 1.25.
    for first in (0.05, 0.2, 1.0):
        state = shared_step.start(first)
        for _ in range(30):
            state = shared_step.update(state, math.exp(-state.size), 0.8)
        assert math.isclose(state.size, math.log(1.25), rel_tol=0.15)


def test_noise_is_averaged_out() -> None:
    source = torch.Generator().manual_seed(1)
    state = shared_step.start(0.2)
    for _ in range(100):
        noise = 0.05 * float(torch.randn((), generator=source))
        state = shared_step.update(state, math.exp(-state.size) + noise, 0.8)
    assert math.isclose(state.average, math.log(1.25), rel_tol=0.15)


def test_without_updates_the_first_step_size_stays() -> None:
    assert math.isclose(shared_step.start(0.3).average, 0.3)


def test_the_common_acceptance_is_the_harmonic_mean() -> None:
    acceptance = torch.tensor([0.5, 1.0, 0.25], dtype=torch.float64)
    assert math.isclose(shared_step.common(acceptance), 3 / (2 + 1 + 4))


@pytest.mark.parametrize("chains", [16, 64, 1000])
def test_a_few_chains_that_accept_nothing_are_not_heard_but_many_are(chains: int) -> None:
    acceptance = torch.full((chains,), 0.8, dtype=torch.float64)
    acceptance[: chains // 16] = 0.0
    assert math.isclose(shared_step.common(acceptance), 0.8)
    acceptance[: chains // 4] = 0.0
    assert shared_step.common(acceptance) < 0.1


@pytest.mark.parametrize("start", [1e-3, 1.0, 1e3])
def test_the_first_step_size_lies_where_the_acceptance_crosses(start: float) -> None:
    found = shared_step.first(start, lambda size: torch.full((4,), -size * size))
    assert math.exp(-(found**2)) > 0.8 >= math.exp(-((2 * found) ** 2))


def test_a_flat_density_ends_the_search() -> None:
    assert math.isfinite(shared_step.first(1.0, lambda size: torch.zeros(4)))
