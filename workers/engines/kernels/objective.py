"""What an optimiser minimises: minus the log density, in float64 whatever the dtype."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target

#: Rows of points, and numbers per row: torch tensors or NumPy arrays. Optimisers are written in
#: what both have in common; NumPy takes a third of torch's time where arrays are small.
Rows: TypeAlias = Any

#: Beyond so many batches a larger batch, recorded anew, is cheaper.
MANY = 100
LARGE = 64
#: Rows of data that stand for all of them: for every unknown, and at least.
EACH, LEAST = 200, 2**14


class Function(Protocol):
    """What an optimiser can minimise: `+inf` where it is not defined."""

    def __call__(self, z: Rows, /) -> tuple[Rows, Rows]:
        """Return the value, `C`, and its gradient, `C x D`, at `z`: `C x D`, in its kind."""
        ...


def kept_rows(dim: int) -> int:
    """Return how many rows of data say roughly what all of them do of so many unknowns."""
    return max(EACH * dim, LEAST)


def namespace(rows: Rows) -> Any:
    """Return the module with the functions for rows of this kind, `numpy` or `torch`."""
    return np if isinstance(rows, np.ndarray) else torch


@dataclass(frozen=True)
class Objective:
    """Minus a log density over rows of unconstrained points.

    Points and derivatives are float64, so that inner products and convergence tests do not lose
    what the density's own dtype has. A point outside the support gives `+inf`; a log density of
    `+inf` gives `-inf`, which proves that there is no maximum.
    """

    density: AbstractLogDensity
    target: Target
    #: Evaluate in batches of this many rows, filled up where there are fewer: a density is
    #: recorded anew for every number of rows, and for its value alone. None takes them as they are.
    rows: int | None = None

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective, `C`, and its gradient, `C x D`, at `z`: `C x D`."""
        value, gradient = log_density(self.density, z, self.target, self.rows)
        if math.isfinite(float(value.sum() + gradient.sum())):
            return -value, -gradient
        objective = (-value).masked_fill(value.isnan(), torch.inf)
        usable = objective.isfinite() & gradient.isfinite().all(1)
        outside = ~usable & (objective > -torch.inf)
        return objective.masked_fill(outside, torch.inf), (-gradient).nan_to_num(0.0, 0.0, 0.0)

    @property
    def curves_cheaply(self) -> bool:
        """Whether a Hessian takes little longer than a gradient: the density could be cut."""
        return self.density.surface(self.target) is not None

    def value(self, z: Tensor) -> Tensor:
        """Return the objective alone, `C`, also where it has no finite gradient."""
        if _through_cut(self.density, self.target):
            value = self.density.value(z.to(self.density.dtype), self.target)
        else:
            value, _ = log_density(self.density, z, self.target, self.rows)
        return (-value).masked_fill(value.isnan(), torch.inf)

    def hessian(self, z: Tensor) -> Tensor:
        """Return the symmetric Hessian of the objective, `D x D`, at one point `z`: `D`.

        Where automatic second derivatives are not finite (0 * inf far out in a tail) although the
        gradient is, they are differences of gradients.
        """
        h = -self.density.hessian(z[None].to(self.density.dtype), self.target)[0]
        h = h.to(torch.float64)
        if not bool(h.isfinite().all()):
            h = self._differences(z)
        return (h + h.T) / 2

    def rough_hessian(self, z: Tensor, stride: int) -> Tensor | None:
        """Return the Hessian as one row of data in `stride` has it, `D x D`, at one point `z`: `D`.

        None where that leaves too few rows, or the density could not be cut.
        """
        surface = self.density.surface(self.target)
        if surface is None or surface.rows < stride * kept_rows(self.density.dim):
            return None
        h = -surface.thinned(stride).hessian(z.to(self.density.dtype)).to(torch.float64)
        return (h + h.T) / 2 if bool(h.isfinite().all()) else None

    def information(self, z: Tensor) -> tuple[Tensor, bool]:
        """Return the Fisher information, `D x D`, at a point `z`: `D`, and whether it is expected.

        Where the likelihood has no closed form it is the empirical one, from the gradients `S`:
        `B x D` of the observations' log likelihoods, `S^T S`. Where the objective has a prior, the
        prior's own curvature is added.
        """
        row = z[None].to(self.density.dtype)
        found = self.density.information(row[0])
        expected = found is not None
        if found is None:
            found = self.density.score_products(row[0])
        if self.target is not Target.LIKELIHOOD:
            with_prior = self.density.hessian(row, self.target)[0]
            without = self.density.hessian(row, Target.LIKELIHOOD)[0]
            found = found + (without - with_prior).to(torch.float64)
        return (found + found.T) / 2, expected

    def _differences(self, z: Tensor) -> Tensor:
        width = torch.finfo(self.density.dtype).eps ** (1 / 3) * z.abs().clamp(min=1.0)
        moves = torch.diag(width)
        above, below = self(z + moves)[1], self(z - moves)[1]
        return (above - below) / (2 * width[:, None])

    def noise(self, value: Tensor) -> Tensor:
        """Return how far rounding may move an objective of this size, in nats."""
        return 100 * torch.finfo(self.density.dtype).eps * value.abs().clamp(min=1.0)


def log_density(
    density: AbstractLogDensity, z: Tensor, target: Target, rows: int | None
) -> tuple[Tensor, Tensor]:
    """Return log density, `C`, and gradient, `C x D`, in float64, evaluated `rows` at a time."""
    z = z.to(density.dtype)
    # What records nothing takes any number of rows.
    native = target is Target.POSTERIOR and density.handle is not None
    if rows is None or len(z) == rows or native or _through_cut(density, target):
        value, gradient = density.value_and_grad(z, target)
        return value, gradient.to(torch.float64)
    size = LARGE if len(z) > MANY * rows else rows
    parts = [density.value_and_grad(_filled(part, size), target) for part in z.split(size)]
    value, gradient = (torch.cat(columns)[: len(z)] for columns in zip(*parts, strict=True))
    return value, gradient.to(torch.float64)


def _through_cut(density: AbstractLogDensity, target: Target) -> bool:
    """Whether values and gradients come through the cut."""
    return target is not Target.POSTERIOR and density.surface(target) is not None


def _filled(z: Tensor, rows: int) -> Tensor:
    missing = rows - len(z)
    return torch.cat([z, z[-1:].expand(missing, -1)]) if missing else z
