"""Where cells are laid, against conditional distributions in closed form."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from models.mixed import MixedDensity
from tests.workers.engines.kernels.counts import (
    PROBABILITIES,
    ROWS,
    SEEN,
    SWITCHED,
    UNSEEN,
    mixed,
    thinned,
)
from workers.engines.kernels.cell_search import DEPTH, MOST, CellSearch, first_values
from workers.engines.kernels.cells import Cells
from workers.errors import NoInitialPointError


def swept(density: MixedDensity, sweeps: int = 1) -> tuple[Cells, Tensor, CellSearch]:
    generator = torch.Generator().manual_seed(1)
    z, values = density.initial(generator, 8)
    search = CellSearch(density, z, values)
    cells, logits = [search.sweep(generator) for _ in range(sweeps)][-1]
    return cells, logits, search


def test_of_independent_counts_cells_are_the_posterior() -> None:
    cells, logits, search = swept(thinned())
    for entry, seen in enumerate(SEEN):
        there = cells.width[entry] > 0
        values = cells.start[entry, there].numpy()
        assert set(cells.width[entry, there].tolist()) == {1.0}
        assert values[0] == seen, "fewer than were seen have no density"
        heights = UNSEEN.logpmf(values - seen)
        found = cells.shares(logits)[entry, there]
        np.testing.assert_allclose(found, heights - np.log(np.exp(heights).sum()), atol=1e-9)
        top = UNSEEN.logpmf(np.arange(20)).max()
        assert heights[-1] >= top - DEPTH
        assert UNSEEN.logpmf(values[-1] + 1 - seen) < top - DEPTH
        assert float(search.modes[entry]) == seen + 3
    assert cells.beyond.tolist() == [[False, True]] * len(SEEN)


def test_of_finite_supports_all_values_have_cells() -> None:
    cells, logits, _ = swept(mixed(SWITCHED, y=ROWS.tolist()))
    assert cells.start.tolist() == [[0.0, 1.0]] * len(ROWS)
    np.testing.assert_allclose(cells.shares(logits).exp()[:, 1], PROBABILITIES, rtol=1e-9)
    assert not bool(cells.beyond.any())


@pytest.mark.parametrize("rate", [3.0, 5e2, 4e6])
def test_counts_of_any_size_are_found(rate: float) -> None:
    source = """
def model(y, rate):
    n = pyro.sample("n", dist.Poisson(rate))
    pyro.sample("y", dist.Normal(0.0 * n, 1.0), obs=y)
"""
    cells, logits, search = swept(mixed(source, y=0.1, rate=rate))
    # As near as a cell is wide.
    assert abs(float(search.modes[0]) - rate) <= 1 + 0.3 * rate**0.5
    low, high = float(cells.start[0, 0]), float((cells.start + cells.width)[0, -1])
    assert cells.start.shape[1] <= MOST
    outside = stats.poisson(rate).cdf(low - 1) + stats.poisson(rate).sf(high - 1)
    assert outside < 1e-7
    shares = cells.shares(logits).exp()[0].numpy()
    edges = np.append(cells.start[0].numpy(), high) - 1
    exact = np.diff(stats.poisson(rate).cdf(edges))
    assert np.abs(shares - exact).max() < 2e-3


def test_a_total_is_shared_out_one_by_one() -> None:
    source = """
def model(y):
    with pyro.plate("row", 2):
        k = pyro.sample("k", dist.Binomial(1, torch.tensor([0.5, 0.9])))
    pyro.sample("y", dist.Normal(k.sum(), 0.1), obs=y)
"""
    cells, logits, search = swept(mixed(source, y=1.0), sweeps=2)
    assert sorted(search.modes.tolist()) == [0.0, 1.0]
    assert cells.shares(logits).exp().max(1).values.tolist() == pytest.approx([1.0, 1.0], abs=1e-6)


def test_values_that_exclude_each_other_leave_a_box() -> None:
    source = """
def model(y):
    n = pyro.sample("n", dist.Poisson(8.0))
    k = pyro.sample("k", dist.Binomial(n, 0.5))
    pyro.sample("y", dist.Binomial(k, 0.5), obs=y)
"""
    density = mixed(source, y=2)
    values = first_values(density, torch.Generator().manual_seed(0))
    z = torch.zeros(8, 0).double()
    search = CellSearch(density, z, values.expand(8, -1))
    cells, logits = [search.sweep(torch.Generator().manual_seed(0)) for _ in range(2)][-1]
    _, drawn = cells.draw(logits, torch.Generator().manual_seed(2), 500)
    n, k = drawn.T
    assert float(n.min()) >= float(k.max())
    assert float(k.min()) >= 2
    assert bool(density.tell(torch.zeros(500, 0).double(), drawn, 64).log_density.isfinite().all())


def test_what_has_no_density_anywhere_is_told_by_name() -> None:
    source = """
def model(y):
    n = pyro.sample("n", dist.Binomial(3.0 * y / y, 0.5))
    pyro.sample("y", dist.Binomial(n, 0.5), obs=y)
"""
    density = mixed(source, y=5)
    with pytest.raises(NoInitialPointError, match="'n'"):
        first_values(density, torch.Generator().manual_seed(0))
