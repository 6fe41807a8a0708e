"""A log density with some unconstrained coordinates held fixed: one of fewer unknowns."""

from collections.abc import Mapping

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Parameter, Target, Terms


class RestrictedDensity(AbstractLogDensity):
    """The log density as a function of the coordinates that are free.

    Coordinates are fixed where they are infinite, too: at the edge of a support, if the density
    has a value there.

    Args:
        density: of all `D` coordinates.
        fixed: which of them are fixed, `D`.
        point: `D`, at what; the entries of free coordinates do not count.
    """

    def __init__(self, density: AbstractLogDensity, fixed: Tensor, point: Tensor) -> None:
        self._whole = density
        self._point = torch.where(fixed, point, 0.0).to(density.dtype)
        #: The free coordinates, in order.
        self.free = (~fixed).nonzero()[:, 0]
        self.parameters = _parameters(density, fixed)
        self.deterministics = density.deterministics
        self.random_effects = density.random_effects
        self.observations = density.observations
        self.dim = len(self.free)
        self.dtype, self.device, self.tier = density.dtype, density.device, density.tier
        self.notes = density.notes

    def whole(self, z: Tensor) -> Tensor:
        """Return all coordinates, `C x D`, of `z`: `C x free`."""
        points = self._point.expand(len(z), -1).clone()
        points[:, self.free] = z.to(self.dtype)
        return points

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""
        return self._whole.value(self.whole(z), target)

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient in `dtype`."""
        value, gradient = self._whole.value_and_grad(self.whole(z), target)
        return value, gradient[:, self.free]

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to the free coordinates."""
        return self._whole.hessian(self.whole(z), target)[:, self.free][:, :, self.free]

    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood."""
        return self._whole.scores(self.whole(z))[:, :, self.free]

    def score_products(self, z: Tensor) -> Tensor:
        """Return the sum over observations of the scores' outer products."""
        return self._whole.score_products(self.whole(z[None])[0])[self.free][:, self.free]

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information about the free coordinates."""
        found = self._whole.information(self.whole(z[None])[0])
        return None if found is None else found[self.free][:, self.free]

    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""
        return self._whole.terms(self.whole(z))

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters, the fixed ones too, and deterministics by name."""
        return self._whole.constrain(self.whole(z))

    def constrain_one(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters, the fixed ones too, and deterministics at one point."""
        return self._whole.constrain_one(self.whole(z[None])[0])

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the free coordinates of the parameters' constrained values."""
        return self._whole.unconstrain(values)[:, self.free]

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name."""
        whole = self._whole.jacobian(self.whole(z))
        return {name: slope[..., self.free] for name, slope in whole.items()}

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return starting points of the free coordinates."""
        return self._whole.initial(generator, count)[:, self.free]


def _parameters(density: AbstractLogDensity, fixed: Tensor) -> tuple[Parameter, ...]:
    """The parameters that have free coordinates, with the place of these."""
    rows, offset = [], 0
    for p in density.parameters:
        size = int((~fixed[p.offset : p.offset + p.size]).sum())
        if size:
            # Where some entries are fixed, coordinates are no entries any more.
            shape = p.shape if size == p.size else (p.size,)
            rows.append(Parameter(p.name, shape, p.support, size, offset))
        offset += size
    return tuple(rows)
