"""Cells beside a fit: laid, laid anew where it moves away from them, and drawn from."""

from dataclasses import replace

import torch

from models.mixed import MixedDensity
from tests.workers.engines.kernels.counts import RATED, mixed
from workers.engines.kernels.adam import start_adam
from workers.engines.kernels.cells import Cells
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.mixed_fit import estimate, lay, lay_anew, weigh
from workers.engines.kernels.plateau import Plateau
from workers.engines.kernels.vi_state import Fit

Y = [1, 3, 0, 4]


def density() -> MixedDensity:
    return mixed(RATED, y=Y)


def bare(log_rate: float = 1.6) -> Fit:
    """A normal about a rate of five, a tenth wide."""
    frame = Frame(torch.tensor([log_rate]).double(), torch.tensor([0.1]).double())
    start = MeanField().start(frame)
    return Fit(frame, start, start_adam(start), Plateau(), 0, start, 0)


def laid(log_rate: float = 1.6) -> Fit:
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor([5.0, 5.0, 5.0, 5.0]).double()
    return lay(density(), bare(log_rate), values, generator)[0]


def test_cells_come_with_logits_and_moments_of_their_own() -> None:
    fit = laid()
    assert fit.cells is not None
    shapes = [tuple(p.shape) for p in fit.parameters]
    assert shapes == [(1,), (1,), tuple(fit.cells.start.shape)]
    assert [p.shape for p in fit.adam.mean] == [p.shape for p in fit.parameters]
    assert [p.shape for p in fit.summed] == [p.shape for p in fit.parameters]
    assert fit.cells.start[:, 0].tolist() == [float(y) for y in Y]


def test_a_fit_that_moved_away_gets_new_cells() -> None:
    far, here = laid(6.0), laid()
    generator = torch.Generator().manual_seed(1)
    assert far.cells is not None
    assert here.cells is not None
    # The cells of a rate of 400 under the normal about five: all would be at their lower end.
    logits = torch.zeros_like(far.parameters[-1])
    moved = replace(
        here, cells=far.cells, parameters=(*here.parameters[:-1], logits), adam=far.adam
    )
    anew = lay_anew(density(), moved, generator)
    assert anew.cells is not None
    assert float(anew.cells.start.max()) < float(far.cells.start.max())
    assert float(anew.adam.mean[-1].abs().max()) == 0.0
    assert not anew.cells.crowded(anew.parameters[-1], 1e-3)


def test_a_fit_in_the_middle_of_its_cells_keeps_them() -> None:
    fit = laid()
    assert lay_anew(density(), fit, torch.Generator().manual_seed(1)) is fit


def test_an_average_is_not_disturbed() -> None:
    fit = laid()
    assert fit.cells is not None
    few = Cells(fit.cells.start[:, :2], fit.cells.width[:, :2], fit.cells.beyond)
    crowded = replace(fit, cells=few, parameters=(*fit.parameters[:-1], fit.parameters[-1][:, :2]))
    averaging = replace(crowded, count=1)
    assert lay_anew(density(), averaging, torch.Generator()) is averaging
    assert lay_anew(density(), crowded, torch.Generator().manual_seed(0)) is not crowded


def test_weights_average_to_the_estimates() -> None:
    fit = laid()
    points, weights = weigh(density(), fit, torch.Generator().manual_seed(2), 2000, 16)
    assert points.shape == (2000, 5)
    assert bool((points[:, 1:] == points[:, 1:].round()).all())
    generator = torch.Generator().manual_seed(3)
    found = [estimate(density(), fit, fit.parameters, generator, 16).elbo for _ in range(100)]
    values = torch.tensor(found).double()
    error = (weights.var() / len(weights) + values.var() / len(values)).sqrt()
    assert abs(float(weights.mean() - values.mean())) < 4 * float(error)
