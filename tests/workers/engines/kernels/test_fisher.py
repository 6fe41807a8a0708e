"""Metrics learnt from positions and gradients, and what a bad chain can do to them."""

import pytest
import torch
from torch import Tensor

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import fisher
from workers.engines.kernels.metric import Kind, Metric, unit
from workers.engines.kernels.pool import Pool

CPU = torch.device("cpu")
KINDS: tuple[Kind, ...] = ("diagonal", "low_rank", "dense")


def gaussian(dim: int = 6, rho: float = 0.9) -> GaussianDensity:
    sd = torch.logspace(-1, 1, dim, dtype=torch.float64)
    correlation = (1 - rho) * torch.eye(dim) + rho * torch.ones(dim, dim)
    return GaussianDensity(torch.ones(dim), sd[:, None] * correlation.double() * sd)


def positions(chains: int = 16, count: int = 20, dim: int = 6) -> Tensor:
    """Points that are nowhere near the target's distribution: far too narrow, off its mean."""
    source = torch.Generator().manual_seed(4)
    return 3.0 + 0.3 * torch.randn(count, chains, dim, generator=source, dtype=torch.float64)


def pooled(density: GaussianDensity, z: Tensor) -> Pool:
    gradient = torch.stack([density.value_and_grad(row)[1] for row in z])
    return Pool(tuple(z), tuple(gradient), len(z))


def covariance(metric: Metric) -> Tensor:
    root = metric.move(torch.eye(len(metric.scale), dtype=metric.scale.dtype)).T
    return root @ root.T


def learn(kind: Kind, density: GaussianDensity, z: Tensor) -> Metric:
    return fisher.learn(kind, pooled(density, z), unit(density.dim, torch.float64, CPU))


def test_a_dense_metric_is_the_covariance_before_equilibrium() -> None:
    density = gaussian()
    found = covariance(learn("dense", density, positions()))
    sd = density.covariance.diagonal().sqrt()
    torch.testing.assert_close(
        found / sd / sd[:, None], density.covariance / sd / sd[:, None], rtol=0, atol=0.1
    )


def test_a_low_rank_metric_leaves_no_direction_off_by_more_than_its_cutoff() -> None:
    density = gaussian()
    metric = learn("low_rank", density, positions())
    root = torch.linalg.cholesky(density.covariance)
    spread = metric.whiten(root.T)  # rows: columns of the root, whitened
    values = torch.linalg.eigvalsh(spread.T @ spread)
    assert float(values[0]) > 1 / 2.1
    assert float(values[-1]) < 2.1
    assert metric.vectors is not None
    assert metric.vectors.shape[1] < density.dim


def test_a_diagonal_metric_lies_between_conditional_and_marginal_deviations() -> None:
    density = gaussian()
    source = torch.Generator().manual_seed(1)
    normal = torch.randn(50, 16, 6, generator=source, dtype=torch.float64)
    z = density.loc + normal @ torch.linalg.cholesky(density.covariance).T
    scale = learn("diagonal", density, z).scale
    marginal = density.covariance.diagonal().sqrt()
    conditional = density.precision.diagonal().rsqrt()
    torch.testing.assert_close(scale, (marginal * conditional).sqrt(), rtol=0.1, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_stuck_and_lost_chains_do_not_spoil_it(kind: Kind) -> None:
    density = gaussian()
    clean = covariance(learn(kind, density, positions()))
    z = positions()
    z[:, 0] = 1e4  # never moves, far away
    z[:, 3] *= 1e5
    z[:, 5] = torch.nan
    spoilt = covariance(learn(kind, density, z))
    sd = clean.diagonal().sqrt()
    torch.testing.assert_close(
        spoilt / sd / sd[:, None], clean / sd / sd[:, None], rtol=0.1, atol=0.05
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_that_teaches_nothing_keeps_the_metric(kind: Kind) -> None:
    before = Metric(torch.full((6,), 7.0, dtype=torch.float64))
    still = positions()[:1, :1].expand(5, 4, 6)  # no chain moved
    gradient = gaussian().value_and_grad(still[0])[1].expand(5, 4, 6)
    for window in (Pool(), Pool(tuple(still), tuple(gradient), 5)):
        torch.testing.assert_close(fisher.learn(kind, window, before).deviations(), before.scale)


def test_flat_directions_keep_their_scale() -> None:
    z = positions()
    window = Pool(tuple(z), tuple(torch.zeros_like(z)), len(z))
    before = Metric(torch.full((6,), 7.0, dtype=torch.float64))
    assert bool((fisher.learn("diagonal", window, before).scale == 7.0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_the_run_s_dtype_is_kept(kind: Kind) -> None:
    learnt = fisher.learn(kind, pooled(gaussian(), positions()), unit(6, torch.float32, CPU))
    assert learnt.move(torch.ones(2, 6)).dtype == torch.float32


def test_a_large_dimension_is_searched_along_its_leading_directions() -> None:
    dim = fisher.LARGE + 10
    density = gaussian(dim)
    source = torch.Generator().manual_seed(1)
    normal = torch.randn(20, 16, dim, generator=source, dtype=torch.float64)
    z = normal @ torch.linalg.cholesky(density.covariance).T
    metric = learn("low_rank", density, z)
    assert metric.vectors is not None
    plain = learn("diagonal", density, z)
    common = density.covariance.diagonal().sqrt()[None]  # the direction of the correlation
    norms = [float(one.whiten(common).norm()) for one in (plain, metric)]
    assert norms[1] < 0.6 * norms[0]


def test_the_slowest_direction() -> None:
    density = gaussian()
    source = torch.Generator().manual_seed(1)
    normal = torch.randn(60, 16, 6, generator=source, dtype=torch.float64)
    window = pooled(density, normal @ torch.linalg.cholesky(density.covariance).T)
    sd = density.covariance.diagonal().sqrt()
    true = float(torch.linalg.eigvalsh(density.covariance / sd / sd[:, None])[-1]) ** 0.5
    assert 0.85 * true < fisher.slowest(Metric(sd), window) < 1.1 * true
    dense = fisher.learn("dense", window, Metric(sd))
    assert fisher.slowest(dense, window) < 1.1
    assert fisher.slowest(dense, Pool()) == 1.0


def test_a_coordinate_that_never_moves_is_not_sluggish() -> None:
    z = positions(count=40)
    z[:, :, 2] = 0.1
    still = fisher.sluggishness(Pool(tuple(z), tuple(z), len(z)))
    moving = fisher.sluggishness(Pool(tuple(z[:, :, [0, 1, 3, 4, 5]]), tuple(z[:, :, 1:]), len(z)))
    assert still == pytest.approx(moving)
    assert still < 5.0


def test_how_far_a_metric_is_off_is_seen_from_both_sides() -> None:
    density, count = gaussian(), 2000
    root, source = torch.linalg.cholesky(density.covariance), torch.Generator().manual_seed(2)
    z = density.loc + torch.randn(count, 1, 6, generator=source, dtype=torch.float64) @ root.T
    pool, error = pooled(density, z), 4 / count**0.5
    for factor in (0.25, 1.0, 4.0):
        metric = Metric(torch.ones(6).double(), root=root * factor)
        # The edge of the eigenvalues of so many independent rows is taken off.
        assert abs(fisher.slowest(metric, pool) / max(1.0, 1 / factor) - 1) < error
        assert abs(fisher.fastest(metric, pool) / max(1.0, factor) - 1) < error
