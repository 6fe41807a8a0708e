"""The window's positions: kept, and thinned evenly when there are many."""

import math

import torch

from workers.engines.kernels import pool
from workers.engines.kernels.pool import MOST_ROWS, Pool


def filled(count: int, chains: int = 2) -> Pool:
    kept = Pool()
    for n in range(count):
        z = torch.full((chains, 1), float(n))
        kept = pool.add(kept, z, -z)
    return kept


def test_everything_is_kept_while_it_is_little() -> None:
    z, gradient = filled(10).stacked()
    assert z.shape == gradient.shape == (10, 2, 1)
    assert z.dtype == torch.float64
    assert z[:, 0, 0].tolist() == list(range(10))
    assert bool((gradient == -z).all())


def test_a_long_window_is_thinned_evenly() -> None:
    kept = filled(3 * MOST_ROWS)
    rows = kept.stacked()[0][:, 0, 0]
    assert MOST_ROWS / 2 <= len(rows) <= MOST_ROWS
    assert kept.seen == 3 * MOST_ROWS
    assert rows.diff().unique().tolist() == [float(kept.every)]
    assert rows[-1] > 3 * MOST_ROWS - 2 * kept.every


def test_rows_of_very_many_chains_are_few() -> None:
    assert len(filled(40, chains=1 << 20).z) <= pool.FEWEST_ROWS


def test_chains_are_in_line_while_none_is_lost() -> None:
    z = torch.randn(20, 8, 3, generator=torch.Generator().manual_seed(1))
    assert Pool(tuple(z), tuple(-z), 20).in_line
    for place in (1e3, math.nan):
        z[:, 2, 1] = place
        assert not Pool(tuple(z), tuple(-z), 20).in_line
