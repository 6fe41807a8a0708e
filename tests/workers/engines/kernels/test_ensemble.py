"""Warm-up of many chains together: when it learns, and when it has learnt."""

import math

import torch
from torch import Tensor

from workers.engines.kernels import length, shared_step
from workers.engines.kernels.ensemble import SHOWN, Ensemble, ends, settled, window_end
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.pace import Pace
from workers.engines.kernels.pool import Pool


def normal(count: int = SHOWN, chains: int = 32, dim: int = 5) -> Tensor:
    """Independent draws of a standard normal, of which `-z` is the gradient."""
    source = torch.Generator().manual_seed(3)
    return torch.randn(count, chains, dim, generator=source, dtype=torch.float64)


def window(z: Tensor, gradient: Tensor | None = None, scale: float = 1.0) -> Ensemble:
    """A window's end: what was seen under the metric of so wide a normal."""
    rows = -z if gradient is None else gradient
    zeros = torch.zeros(z.shape[1], dtype=torch.float64)
    pace = Pace(shared_step.start(1.0), length.start(2.0), zeros)
    metric = Metric(torch.full((z.shape[2],), scale, dtype=torch.float64))
    return Ensemble(metric, pace, Pool(tuple(z), tuple(rows), len(z)), zeros)


def test_windows_double_and_leave_the_end_to_the_step_size() -> None:
    assert sorted(ends(100)) == [3, 7, 15, 31, 64]
    assert sorted(ends(1000))[-3:] == [161, 324, 649]
    assert not ends(0)
    assert not ends(5)


def test_a_window_is_over_after_its_last_iteration() -> None:
    over = [window_end(n, 100) for n in (0, 3, 4, 15, 16, 64, 65, 99)]
    assert over == [4, 4, 8, 16, 32, 65, 100, 100]
    assert window_end(2, 5) == 5


def test_a_metric_that_fits_has_settled() -> None:
    assert settled(window(normal()))
    assert not settled(window(normal(SHOWN - 1)))


def test_a_metric_that_is_too_short_or_too_long_has_not() -> None:
    assert not settled(window(normal(), scale=1 / 1.6))
    assert not settled(window(normal(), scale=1.6))


def test_one_direction_that_is_missed_is_enough() -> None:
    z = normal()
    wide = z.clone()
    along = torch.ones(5).double() / math.sqrt(5)
    wide += (z @ along)[..., None] * along  # twice as wide along the diagonal
    assert not settled(window(wide, -z))
    assert not settled(window(z, -wide))


def test_chains_that_stay_where_they_are_have_not_settled() -> None:
    z = normal()
    still = 0.5 * z + math.sqrt(0.75) * z[:1]
    assert not settled(window(still))


def test_a_chain_far_from_the_others_keeps_the_warm_up_going() -> None:
    z = normal()
    z[:, 3] += 100
    assert not settled(window(z, -normal()))
    z[:, 3] = math.nan
    assert not settled(window(z, -normal()))
