"""The trajectory length's ascent."""

import math

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import length
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.metric import unit

CHAINS, DIM, STEP = 2000, 4, 0.05


def slope(time: float) -> float:
    """The slope on a standard normal, from its own distribution, for one length."""
    density = GaussianDensity(torch.zeros(DIM), torch.eye(DIM))
    source = torch.Generator().manual_seed(1)
    z, p = torch.randn(2, CHAINS, DIM, generator=source, dtype=torch.float64)
    size = torch.full((CHAINS,), STEP, dtype=torch.float64)
    log_u = torch.zeros(CHAINS, dtype=torch.float64)
    metric = unit(DIM, torch.float64, torch.device("cpu"))
    made = transition(density, evaluate(density, z), p, size, round(time / STEP), metric, log_u)
    return length.slope(z, made, metric, time)


def test_the_slope_is_that_of_the_closed_form() -> None:
    # The criterion is proportional to sin(t)^2, so its log rises by 2 t / tan t per unit of log t.
    for time in (0.5, 1.0, 2.0):
        expected = 2 * time / math.tan(time) - length.COST
        assert math.isclose(slope(time), expected, abs_tol=0.35)


def test_it_climbs_to_a_quarter_period() -> None:
    assert slope(1.2) > 0 > slope(1.8)


def test_a_move_is_bounded_and_the_length_stays_within_its_bounds() -> None:
    state = length.start(1.0)
    assert abs(length.update(state, 1e9, 1e-3, 1e3).log_length) <= length.LARGEST
    for _ in range(300):
        state = length.update(state, -1.0, 0.5, 2.0)
    assert math.isclose(state.now, 0.5)
    assert state.average < 0.6


def test_a_slope_that_is_no_number_changes_nothing() -> None:
    state = length.start(1.0)
    assert length.update(state, math.nan, 0.1, 10.0) == state
