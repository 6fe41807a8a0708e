"""Probabilities of cells: distributions by SciPy and by hand."""

import math

import pytest
import torch
from scipy import stats

from workers.engines.kernels.cells import Cells

#: Two entries: 0 to 3 one by one; 10 to 12 together, 13 and 14, and a cell that is not there.
CELLS = Cells(
    torch.tensor([[0.0, 1.0, 2.0, 3.0], [10.0, 13.0, 14.0, 14.0]]).double(),
    torch.tensor([[1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 1.0, 0.0]]).double(),
    torch.tensor([[False, True], [True, True]]),
)
LOGITS = torch.tensor([[0.0, 1.0, 2.0, -1.0], [0.5, -0.5, 1.0, 7.0]]).double()
SHARES = [LOGITS[0].softmax(0), LOGITS[1, :3].softmax(0)]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_draws_have_the_cells_probabilities() -> None:
    count = 20_000
    chosen, values = CELLS.draw(LOGITS, generator(), count)
    assert chosen.shape == values.shape == (count, 2)
    first = torch.bincount(values[:, 0].long(), minlength=4)
    assert stats.chisquare(first, SHARES[0] * count).pvalue > 1e-3
    second = torch.bincount(values[:, 1].long() - 10, minlength=5)
    expected = torch.cat([SHARES[1][:1].expand(3) / 3, SHARES[1][1:]])
    assert stats.chisquare(second, expected * count).pvalue > 1e-3
    log_prob = CELLS.log_prob(LOGITS, chosen)
    torch.testing.assert_close(log_prob[:, 0], SHARES[0].log()[values[:, 0].long()])
    torch.testing.assert_close(log_prob[:, 1], expected.log()[values[:, 1].long() - 10])


def test_the_entropy_is_that_of_the_values() -> None:
    wide = torch.cat([SHARES[1][:1].expand(3) / 3, SHARES[1][1:]])
    exact = stats.entropy(SHARES[0]) + stats.entropy(wide)
    assert float(CELLS.entropy(LOGITS)) == pytest.approx(exact, rel=1e-12)


def test_the_score_is_the_gradient_of_the_log_probability() -> None:
    chosen, _ = CELLS.draw(LOGITS, generator(), 7)
    weights = torch.randn(7, 2, generator=generator(), dtype=torch.float64)

    def total(logits: torch.Tensor) -> torch.Tensor:
        return (weights * CELLS.log_prob(logits, chosen)).sum()

    exact = torch.func.grad(total)(LOGITS)
    torch.testing.assert_close(CELLS.score(LOGITS, chosen, weights), exact)


def test_a_middle_is_a_value_of_its_cell() -> None:
    assert CELLS.middle.tolist() == [[0.0, 1.0, 2.0, 3.0], [11.0, 13.0, 14.0, 14.0]]


def test_a_crowd_counts_where_more_values_lie_beyond() -> None:
    # Of the first entry 3 % are at its upper end, and 9 % at the lower, below which is nothing.
    share = float(SHARES[0][3])
    first = Cells(CELLS.start[:1], CELLS.width[:1], CELLS.beyond[:1])
    assert first.crowded(LOGITS[:1], 0.9 * share)
    assert not first.crowded(LOGITS[:1], 1.1 * share)
    # Of the second, the last cell that is there is the third.
    second = Cells(CELLS.start[1:], CELLS.width[1:], torch.tensor([[False, True]]))
    assert second.crowded(LOGITS[1:], 0.9 * float(SHARES[1][2]))
    assert not second.crowded(LOGITS[1:], 1.1 * float(SHARES[1][2]))


def test_wide_cells_cost_next_to_nothing() -> None:
    """Sixty-four cells over twelve standard deviations of a count: 0.0015 nats."""
    start = torch.arange(64.0).double() * 19 + 10_000 - 608
    values = torch.arange(10_000 - 608, 10_000 + 608)
    log_p = torch.as_tensor(stats.poisson(10_000).logpmf(values.numpy()))
    shares = log_p.exp().reshape(64, 19).sum(1)
    log_q = (shares / 19).log().repeat_interleave(19)
    divergence = float((log_q.exp() * (log_q - log_p)).sum())
    cells = Cells(start[None], torch.full((1, 64), 19.0).double(), torch.ones(1, 2).bool())
    assert float(cells.shares(shares.log()[None]).exp().sum()) == pytest.approx(1.0)
    assert 0.0 < divergence < 0.003
    assert math.isfinite(float(cells.entropy(shares.log()[None])))
