"""Where many chains start: draws from the best normal approximation along each ascent to a mode.

Zhang, Carpenter, Gelman and Vehtari, Pathfinder: parallel quasi-Newton variational inference (JMLR
23, 2022). The paths run in one batch from dispersed points, see
`initial`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.initial import Point, choose, evaluate, finite
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.paths import approximations, climbed
from workers.engines.kernels.pool import Pool

#: Draws for the ELBO of an approximation.
SAMPLES = 8
#: A path whose log evidence is this far below the best, in nats, is taken for lost.
LOST = 20.0
#: How far below the approximation's own the log density of a start is meant to lie, and may lie at
#: the most, in deviations of a normal's log density, `sqrt(D / 2)`.
DISPERSED, FARTHEST = 3.0, 10.0


@dataclass(frozen=True)
class Found:
    """What the paths gave."""

    #: One start per path, `K` rows.
    point: Point
    #: Draws from the approximations with their gradients, for a first metric.
    pool: Pool
    #: `K`: paths that found nothing and kept their prior draw; paths that took another's.
    failed: int
    lost: int


def find(
    density: AbstractLogDensity, origin: Point, rows: int, generator: torch.Generator
) -> Found:
    """Return a start per path, and draws of the posterior's approximation.

    Args:
        density: the target.
        origin: where the paths begin, `K` rows; what a failed path falls back to.
        rows: the number of points that the density is always asked for, a multiple of `K`.
        generator: randomness.
    """
    objective = Objective(density, Target.POSTERIOR, rows)
    paths, dim = origin.z.shape
    best = approximations(objective, climbed(objective, origin.z), SAMPLES, generator)
    if not bool(best.elbo.isfinite().any()):
        return Found(origin, Pool(), paths, 0)
    device = density.device
    every = torch.arange(paths, device=device)
    u = torch.randn(
        2, paths, rows // paths, dim, generator=generator, dtype=torch.float64, device=device
    )
    x, log_q = best.normal.draw(u[0])
    near = _at(density, x)
    evidence = _evidence(near.log_density.reshape(log_q.shape) - log_q)
    kept = evidence >= evidence.max() - LOST
    source = torch.where(kept, every, evidence.argmax())
    wider = math.sqrt(1.0 + 2.0 * DISPERSED / math.sqrt(2.0 * dim))
    wide = _at(density, best.normal[source].draw(wider * u[1])[0])
    point, failed = _starts(origin, near, wide, kept)
    return Found(point, _pool(near, kept), failed, int((~kept).sum()))


def _evidence(log_weights: Tensor) -> Tensor:
    """Return each path's estimate of the log evidence: the log of its draws' mean weight.

    Tighter than the ELBO (Burda, Grosse and Salakhutdinov 2016), which in many dimensions says more
    about how normal a region is than about how much of the posterior lies there.
    """
    weights = torch.where(log_weights.isfinite(), log_weights, -torch.inf)
    return weights.logsumexp(1).clamp(min=-1e300)


def _starts(origin: Point, near: Point, wide: Point, kept: Tensor) -> tuple[Point, int]:
    """Take each path's candidate of median log density; where that is not finite, its origin.

    Candidates that lie implausibly low count as not finite: in a flat direction, such as that of a
    scale towards zero, an approximation reaches so far out that a chain would take ages to return.
    """
    paths, dim = len(kept), near.z.shape[1]
    height = torch.where(finite(near), near.log_density, -torch.inf)
    middle = height[kept.repeat_interleave(len(height) // paths)].median()
    floor = middle - FARTHEST * math.sqrt(dim / 2)
    both = Point(*(_beside(x, y, paths) for x, y in zip(wide, near, strict=True)))
    value = torch.where(finite(both) & (both.log_density > floor), both.log_density, -torch.inf)
    value = value.reshape(paths, -1)
    each, usable = value.shape[1], value.isfinite().sum(1)
    # Candidates in use are the last ones in order; wide ones come before near ones of equal rank.
    middle_of = each - 1 - (usable.clamp(min=1) - 1).div(2, rounding_mode="floor")
    order = value.argsort(dim=1, stable=True)
    every = torch.arange(paths, device=order.device)
    start = Point(*(x[every * each + order[every, middle_of]] for x in both))
    good = usable > 0
    best = int(value.amax(1).argmax())
    start = choose(good, start, Point(*(x[best : best + 1].expand_as(x) for x in start)))
    return choose(good.any().expand_as(good), start, origin), int((~good).sum())


def _beside(x: Tensor, y: Tensor, paths: int) -> Tensor:
    """Put a path's candidates from two draws next to each other."""
    parts = [part.reshape(paths, -1, *part.shape[1:]) for part in (x, y)]
    return torch.cat(parts, 1).flatten(0, 1)


def _pool(near: Point, kept: Tensor) -> Pool:
    """Return the draws of the paths that were kept, as one iteration of many chains."""
    usable = finite(near) & kept.repeat_interleave(len(near.z) // len(kept))
    if not bool(usable.any()):
        return Pool()
    return Pool((near.z[usable],), (near.gradient[usable],), 1)


def _at(density: AbstractLogDensity, z: Tensor) -> Point:
    return evaluate(density, z.flatten(0, 1).to(density.dtype))
