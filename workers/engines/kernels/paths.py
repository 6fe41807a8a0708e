"""Ascents to modes, and the best normal approximation along each.

Zhang, Carpenter, Gelman and Vehtari, Pathfinder: parallel quasi-Newton variational inference (JMLR
23, 2022), algorithm 1: of the normals that the iterates of an ascent suggest, the one with the
largest ELBO. All paths climb in one batch.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.engines.kernels.inverse_hessian import MEMORY, Normals, normals
from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.objective import Objective, Rows, namespace

#: Where chains start: gradients of the batch, for all paths, at the most; and the gain of an
#: iteration, in nats, below which an ascent is over.
MOST_EVALUATIONS, LITTLE = 80, 0.01
#: Where the paths' memory has fewer numbers than this, they climb as NumPy arrays.
SMALL = 1 << 15
#: Iterates of a path that are looked at, the last ones.
LOOKED_AT = 24


@dataclass(frozen=True)
class Climb:
    """`K` paths on their way up."""

    rows: LbfgsState
    #: Points, and the objective's gradients there, of all iterates: `K x D` each.
    path: tuple[tuple[Rows, Rows], ...]
    #: `K`: which still climb.
    active: Rows
    #: Gradients of the batch so far.
    evaluations: int = 0

    @property
    def over(self) -> bool:
        """Whether all have arrived."""
        return not bool(self.active.any())


@dataclass(frozen=True)
class Best:
    """The best normal of each of `K` paths."""

    normal: Normals
    #: `K`; -inf where a path found none.
    elbo: Tensor


class _Counted:
    """The objective at tensors or arrays, and how often it was asked."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.count = 0

    def __call__(self, z: Rows) -> tuple[Rows, Rows]:
        self.count += 1
        if not isinstance(z, np.ndarray):
            return self._objective(z)
        value, gradient = self._objective(torch.from_numpy(z))
        return value.numpy(), gradient.numpy()


def start_climb(objective: Objective, z: Tensor) -> Climb:
    """Begin at `z`: `K x D`."""
    z = z.to(torch.float64)
    small = z.device.type == "cpu" and MEMORY * z.numel() < SMALL
    counted = _Counted(objective)
    rows = start_lbfgs(counted, z.numpy() if small else z, MEMORY)
    return Climb(rows, ((rows.z, rows.gradient),), ~rows.stuck, counted.count)


def step_climb(objective: Objective, climb: Climb, little: float) -> Climb:
    """Advance the paths that still climb by one iteration; one that gains little has arrived."""
    counted = _Counted(objective)
    rows = step_lbfgs(counted, climb.rows, climb.active)
    return Climb(
        rows,
        (*climb.path, (rows.z, rows.gradient)),
        climb.active & ~rows.stuck & ~_arrived(rows, little),
        climb.evaluations + counted.count,
    )


def climbed(objective: Objective, z: Tensor) -> Climb:
    """Return the paths from `z`: `K x D`, at their ends, or where their gradients are used up."""
    climb = start_climb(objective, z)
    while not climb.over and climb.evaluations < MOST_EVALUATIONS:
        climb = step_climb(objective, climb, LITTLE)
    return climb


def approximations(
    objective: Objective, climb: Climb, samples: int, generator: torch.Generator
) -> Best:
    """Return the best normal along each path, by the ELBO from so many draws."""
    xp = namespace(climb.rows.z)
    points, gradients = (xp.stack(each) for each in zip(*climb.path, strict=True))
    along = normals(points, gradients, LOOKED_AT)
    paths = points.shape[1]
    elbos = _elbos(objective, along, paths, samples, generator)  # L x K
    elbo, iterate = elbos.max(0)
    row = iterate * paths + torch.arange(paths, device=elbos.device)
    return Best(along[row], elbo)


def _arrived(rows: LbfgsState, little: float) -> Rows:
    return (rows.gain < little) | (rows.value == -math.inf)


def _elbos(
    objective: Objective, along: Normals, paths: int, samples: int, generator: torch.Generator
) -> Tensor:
    """Return the ELBO of each approximation, `L x K`; -inf where a draw has no finite density."""
    count, dim = along.mean.shape
    u = torch.randn(
        count, samples, dim, generator=generator, dtype=torch.float64, device=along.mean.device
    )
    x, log_q = along.draw(u)
    value = -objective(x.flatten(0, 1))[0].reshape(log_q.shape)
    elbo = (value - log_q).mean(1)
    return torch.where(elbo.isfinite(), elbo, -torch.inf).reshape(-1, paths)
