"""The metric learnt from positions and gradients: the least Fisher divergence.

Were the target normal with covariance `S`, its score would be `-S^-1 (z - mean)`, so `S` maps
scores to positions wherever these were taken: a few points give it exactly, long before chains are
in equilibrium. In general the geometric mean

    S = Cov(z) # Cov(g)^-1 = G^-1/2 (G^1/2 Cov(z) G^1/2)^1/2 G^-1/2,    G = Cov(g)

minimises the Fisher divergence between the target and a normal; restricted to diagonal matrices it
is `sqrt(var z / var g)`. Seyboldt, Carlson and Carpenter, Preconditioning Hamiltonian Monte Carlo
by minimizing Fisher divergence (2026, arXiv 2603.18845), and nuts-rs, `low_rank.rs`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from workers.engines.kernels.metric import Kind, Metric
from workers.engines.kernels.pool import Pool

#: Rows of positions that are looked at, at the most.
MOST_ROWS = 1024
#: Above this dimension a low-rank metric looks for directions among the leading ones only.
LARGE, LEADING = 256, 64
#: Directions whose variance is within this factor of the diagonal's are left to the diagonal.
CUTOFF = 2.0
#: The least ridge under the covariances, a share of their common diagonal.
RIDGE = 1e-9
#: An eigenvalue below this share of the largest is rounding.
ROUNDING = 1e-14
#: One in so many chains are few.
FEW = 16


def learn(kind: Kind, pool: Pool, previous: Metric) -> Metric:
    """Return the metric that a window's positions and gradients teach.

    Args:
        kind: the shape of the metric.
        pool: of the window.
        previous: the metric so far: what is kept where the window teaches nothing.
    """
    z, gradient = _rows(pool)
    if len(z) < 2:
        return previous
    like = previous.scale
    z, of_z = _centred(z, like.dtype)
    gradient, of_gradient = _centred(gradient, like.dtype)
    scale = _scale(of_z, of_gradient, previous.deviations())
    if kind == "diagonal":
        return Metric(scale.to(like.dtype))
    z = z * torch.where(of_z > 0, 1.0 / scale, 0.0)
    gradient = gradient * torch.where(of_gradient > 0, scale, 0.0)
    if not math.isfinite(float(z.norm() * gradient.norm())):
        return Metric(scale.to(like.dtype))
    if kind == "dense":
        shape = _mean(_covariance(z), _covariance(gradient), len(z))
        return _dense(scale, shape, like)
    return _low_rank(scale, z, gradient, like)


def slowest(metric: Metric, pool: Pool) -> float:
    """Return the largest standard deviation of whitened positions over all directions, 1 at least.

    The largest of `D` eigenvalues of `M` independent rows' covariance exceeds its true value by up
    to `(1 + sqrt(D / M))^2` (Marchenko and Pastur, 1967), which is taken off.
    """
    z, _ = _rows(pool)
    return _widest(z, metric.whiten, metric.scale.dtype)


def fastest(metric: Metric, pool: Pool) -> float:
    """Return the same of whitened gradients: how much too long the metric is in some direction."""
    _, gradient = _rows(pool)
    return _widest(gradient, metric.pull, metric.scale.dtype)


def _widest(rows: Tensor, white: Callable[[Tensor], Tensor], dtype: torch.dtype) -> float:
    if len(rows) < 2:
        return 1.0
    x = white((rows - rows.mean(0)).to(dtype)).double()
    largest = float(torch.linalg.eigvalsh(_covariance(x))[-1])
    if not math.isfinite(largest):
        return 1.0
    return max(1.0, math.sqrt(max(largest, 0.0)) / (1.0 + math.sqrt(rows.shape[1] / len(rows))))


def sluggishness(pool: Pool) -> float:
    """Return how many iterations the slowest coordinate takes to forget: its correlation time.

    A chain's mean over `N` iterations varies, from chain to chain, by `tau / N` of the variance. A
    few chains that are out of line are not counted; more of them are a part of the posterior, or
    of the way to it, that takes longer trajectories.
    """
    if len(pool.z) < 2:
        return 1.0
    z, _, near = pool.finite
    few = int((~near).sum()) * FEW <= len(near)
    z = z[:, near] if few else z
    _, of_means = _centred(z.mean(0), z.dtype)
    _, of_all = _centred(z.flatten(0, 1), z.dtype)
    share = of_means / of_all
    return len(z) * float(share.nan_to_num(0.0, 0.0, 0.0).max()) if share.numel() else 1.0


def _rows(pool: Pool) -> tuple[Tensor, Tensor]:
    """Return positions and gradients of the chains in line, `M x D` each, all finite."""
    if not pool.z:
        return torch.empty(0, 0), torch.empty(0, 0)
    z, gradient, near = pool.finite  # N x C x D
    if bool(near.any()) and not bool(near.all()):
        z, gradient = z[:, near], gradient[:, near]
    z, gradient = z.flatten(0, 1), gradient.flatten(0, 1)
    step = -(-len(z) // MOST_ROWS) or 1
    return z[::step], gradient[::step]


def _centred(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return `x`: `M x D` without its mean, and its columns' variances, `D`.

    A variance that is rounding in the given dtype is 0. `Tensor.var` takes three times as long.
    """
    mean = x.mean(0)
    x = x - mean
    variance = x.square().sum(0) / (len(x) - 1)
    noise = 64 * torch.finfo(dtype).eps * mean
    return x, torch.where(variance > noise.square(), variance, 0.0)


def _scale(of_z: Tensor, of_gradient: Tensor, previous: Tensor) -> Tensor:
    """Return `(var z / var g)^1/4`, `D`; the previous scale where that is not a positive number."""
    scale = (of_z / of_gradient) ** 0.25
    return torch.where(scale.isfinite() & (scale > 0), scale, previous.double())


def _covariance(x: Tensor) -> Tensor:
    return x.T @ x / len(x)


def _mean(of_z: Tensor, of_gradient: Tensor, count: int) -> Tensor:
    """Return the geometric mean of one covariance and the other's inverse.

    With `G = L L^T` it is `L^-T (L^T Cov(z) L)^1/2 L^-1`: a congruence of both moves their mean.
    The ridge under both draws directions of which `count` rows know little towards the diagonal.
    """
    dim = len(of_z)
    share = max(RIDGE, min(1.0, (dim / count) ** 4))
    level = 0.5 * (of_z.diagonal() + of_gradient.diagonal())
    ridge = torch.diag(torch.where(level > 0, share * level, 1.0))
    of_z, of_gradient = of_z + ridge, of_gradient + ridge
    root, _ = torch.linalg.cholesky_ex(of_gradient)  # the ridge keeps it positive definite
    values, vectors = torch.linalg.eigh(root.T @ of_z @ root)
    middle = (vectors * values.clamp(min=ROUNDING * float(values[-1])).sqrt()) @ vectors.T
    back = torch.linalg.solve_triangular(root.T, middle, upper=True)
    mean = torch.linalg.solve_triangular(root, back, upper=False, left=False)
    return (mean + mean.T) / 2


def _dense(scale: Tensor, shape: Tensor, like: Tensor) -> Metric:
    root, failed = torch.linalg.cholesky_ex(shape)
    if bool(failed) or not bool(root.isfinite().all()):
        return Metric(scale.to(like.dtype))
    return Metric(torch.ones_like(like), root=(scale[:, None] * root).to(like.dtype))


def _low_rank(scale: Tensor, z: Tensor, gradient: Tensor, like: Tensor) -> Metric:
    """Return the diagonal with the directions on which it is off by more than the cut-off."""
    if z.shape[1] <= LARGE:
        basis = None
        shape = _mean(_covariance(z), _covariance(gradient), len(z))
    else:
        basis = _leading(z, gradient)  # D x Q
        shape = _mean(_covariance(z @ basis), _covariance(gradient @ basis), len(z))
    values, vectors = torch.linalg.eigh(shape)
    kept = (values > CUTOFF) | (values < 1.0 / CUTOFF)
    values, vectors = values[kept], vectors[:, kept]
    usable = len(values) and bool(values.isfinite().all()) and bool((values > 0).all())
    if not usable:
        return Metric(scale.to(like.dtype))
    vectors = vectors if basis is None else basis @ vectors
    return Metric(
        scale.to(like.dtype),
        vectors=vectors.contiguous().to(like.dtype),
        stretch=(values.sqrt() - 1.0).to(like.dtype),
    )


def _leading(z: Tensor, gradient: Tensor) -> Tensor:
    """Return an orthonormal basis, `D x Q`, of where positions and gradients vary most."""
    step = -(-len(z) // LARGE)
    tops = [torch.linalg.svd(x[::step], full_matrices=False)[2][:LEADING].T for x in (z, gradient)]
    return torch.linalg.qr(torch.cat(tops, dim=1))[0]
