"""Dual averaging against the recurrences of the paper, chain by chain in plain Python."""

import math

import torch

from workers.engines.kernels import dual_averaging


def reference(first: float, acceptances: list[float], target: float) -> tuple[float, float]:
    """Hoffman and Gelman (2014), algorithm 5: the last step size and the averaged one."""
    mu, error, average = math.log(10 * first), 0.0, 0.0
    step = first
    for m, acceptance in enumerate(acceptances, start=1):
        error = (1 - 1 / (m + 10)) * error + (target - acceptance) / (m + 10)
        log_step = mu - math.sqrt(m) / 0.05 * error
        average = m**-0.75 * log_step + (1 - m**-0.75) * average
        step = math.exp(log_step)
    return step, math.exp(average)


def test_each_chain_follows_the_reference() -> None:
    generator = torch.Generator().manual_seed(1)
    acceptances = torch.rand(40, 3, generator=generator, dtype=torch.float64)
    first = torch.tensor([0.1, 1.0, 7.0], dtype=torch.float64)
    state = dual_averaging.start(first)
    for row in acceptances:
        state = dual_averaging.update(state, row, 0.8)
    for chain in range(3):
        step, average = reference(float(first[chain]), acceptances[:, chain].tolist(), 0.8)
        assert math.isclose(float(state.log_step[chain].exp()), step, rel_tol=1e-12)
        assert math.isclose(float(state.log_average[chain].exp()), average, rel_tol=1e-12)


def test_the_acceptance_reaches_its_target() -> None:
    # An acceptance of exp(-eps) is 0.8 at eps = log 1.25.
    state = dual_averaging.start(torch.tensor([2.0], dtype=torch.float64))
    for _ in range(2000):
        state = dual_averaging.update(state, (-state.log_step.exp()).exp(), 0.8)
    assert math.isclose(float(state.log_average.exp()), math.log(1.25), rel_tol=0.02)


def test_without_updates_the_first_step_size_stays() -> None:
    state = dual_averaging.start(torch.tensor([0.3], dtype=torch.float64))
    assert math.isclose(float(state.log_average.exp()), 0.3)
