"""HMC end to end on densities whose answers are known."""

import math

import pytest
import torch
from pydantic import ValidationError

from tests.workers.densities import GaussianDensity
from tests.workers.engines.runs import assert_moments, finished
from workers.engines.hmc import HmcOptions
from workers.results import Outcome


def gaussian(condition: float, rho: float, dim: int = 5) -> GaussianDensity:
    sd = torch.logspace(0, math.log10(condition) / 2, dim, dtype=torch.float64)
    correlation = (1 - rho) * torch.eye(dim) + rho * torch.ones(dim, dim)
    return GaussianDensity(torch.arange(dim).double(), sd[:, None] * correlation.double() * sd)


def check(density: GaussianDensity, options: HmcOptions):
    done = finished(options, density)
    assert done.findings.outcome == Outcome.COMPLETED
    assert_moments(done, "x", density.loc.numpy(), density.covariance.diag().numpy())
    return done


def test_a_normal_without_correlation_is_drawn_nearly_independently() -> None:
    done = check(gaussian(1e2, 0.0), HmcOptions(warmup=400, draws=500))
    assert done.codes() == []
    assert min(done.findings.summary["x"].ess_bulk) > 1000  # of 2 000


@pytest.mark.slow
@pytest.mark.parametrize(("condition", "rho"), [(1e2, 0.5), (1e4, 0.0), (1e4, 0.5)])
def test_badly_scaled_and_correlated_normals(condition: float, rho: float) -> None:
    check(gaussian(condition, rho), HmcOptions(warmup=400, draws=500))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["low_rank", "dense"])
@pytest.mark.parametrize("init", ["prior", "pathfinder"])
def test_other_metrics_and_starts(metric: str, init: str) -> None:
    options = HmcOptions(warmup=200, draws=300, metric=metric, init=init)
    done = check(gaussian(1e4, 0.9), options)
    assert min(done.findings.summary["x"].ess_bulk) > 500  # of 1 200


def test_it_has_no_tree() -> None:
    done = finished(HmcOptions(chains=2, warmup=30, draws=10), gaussian(4.0, 0.0))
    assert done.draws.stats("tree_depth") is None
    assert done.findings.diagnostics.max_tree_depth is None


def test_a_longer_trajectory_takes_more_leapfrogs() -> None:
    counts = [
        finished(HmcOptions(warmup=100, draws=20, trajectory_length=length), gaussian(4.0, 0.0))
        .draws.stats("leapfrogs")
        .mean()
        for length in (1.0, 6.0)
    ]
    assert counts[1] > 3 * counts[0]


@pytest.mark.parametrize(
    ("option", "value"), [("trajectory_length", 0.0), ("max_tree_depth", 5), ("chains", 0)]
)
def test_options_out_of_range(option: str, value: object) -> None:
    with pytest.raises(ValidationError, match=option):
        HmcOptions.model_validate({option: value})
