"""Pareto k of weights whose tail is known."""

import numpy as np
import pytest
import torch

from workers.engines.kernels.pareto import pareto_k


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_the_shape_of_a_pareto_tail_is_found(k: float) -> None:
    uniform = np.random.default_rng(0).random(40_000)
    found = pareto_k(torch.tensor(-k * np.log(uniform)))  # weights uniform^-k
    assert found == pytest.approx(k, abs=0.12)  # 600 tail points: sd (1 + k) / sqrt(600)


def test_equal_weights_are_perfect() -> None:
    assert pareto_k(torch.full((1000,), -3.0)) == 0.0
    nearly = 0.05 * torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert pareto_k(nearly) == 0.0


def test_what_is_not_finite_or_too_little_has_no_shape() -> None:
    assert pareto_k(torch.tensor([0.0, -torch.inf]).repeat(100)) is None
    assert pareto_k(torch.zeros(10)) is None


@pytest.mark.parametrize("k", [0.5, 0.9])
def test_weights_that_many_draws_share_have_the_shape_of_their_steps(k: float) -> None:
    uniform = np.random.default_rng(0).random(40_000)
    steps = np.ceil(-k * np.log(uniform) / 0.2) * 0.2
    assert pareto_k(torch.tensor(steps)) == pytest.approx(k, abs=0.2)


def test_few_states_have_a_bounded_tail() -> None:
    states = torch.tensor([-0.7, -0.2, 0.3, 0.9]).double()
    found = pareto_k(states.repeat(1000))
    assert found is not None
    assert found < 0.5
