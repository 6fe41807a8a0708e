"""The R-hat of a run under way is that of all its draws, however they came."""

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats

from workers.running_r_hat import RunningRHat


def draws(chains: int = 4, count: int = 60, dim: int = 3) -> torch.Tensor:
    z = torch.randn(chains, count, dim, generator=torch.Generator().manual_seed(3))
    # Far from zero, and the last dimension has not converged.
    return 1e4 + z.double() + torch.arange(chains).double()[:, None, None] * torch.eye(dim)[-1]


@pytest.mark.parametrize("cuts", [[60], [1] * 60, [7, 1, 30, 22]])
def test_it_agrees_with_arviz_however_the_draws_are_cut(cuts: list[int]) -> None:
    z, running = draws(), RunningRHat()
    for part in z.split(cuts, dim=1):
        running.add(part)
    known = array_stats.rhat(z.numpy(), method="identity", chain_axis=0, draw_axis=1)
    assert known.max() > 1.3
    assert running.value() == pytest.approx(float(known.max()), rel=1e-9)


def test_there_is_none_of_few_draws_nor_of_one_chain() -> None:
    running = RunningRHat()
    assert running.value() is None
    running.add(draws(count=3))
    assert running.value() is None
    one = RunningRHat()
    one.add(draws(chains=1))
    assert one.value() is None


def test_dimensions_that_do_not_vary_do_not_count() -> None:
    z = draws(dim=2)
    z[..., 0] = 5.0
    running = RunningRHat()
    running.add(z)
    known = array_stats.rhat(z[..., 1].numpy(), method="identity", chain_axis=0, draw_axis=1)
    assert running.value() == pytest.approx(float(known), rel=1e-9)
    still = RunningRHat()
    still.add(torch.full((4, 10, 2), 5.0))
    assert still.value() is None


def test_draws_that_are_not_finite_give_no_number() -> None:
    z = draws(dim=1)
    z[0, 5] = np.nan
    running = RunningRHat()
    running.add(z)
    assert running.value() is None
