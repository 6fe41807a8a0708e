"""The whole log density of a model of rows, added up block by block: exact, in bounded memory.

Deterministic sites that grow with the rows are left out of what is reported.

Shape letters: `B` data rows, `C` points, `D` unconstrained dimension.
"""

from collections.abc import Iterator, Mapping
from copy import copy

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Parameter, Target, Terms
from models.minibatch import MinibatchModel
from models.traced import TracedDensity


class BlockedDensity(AbstractLogDensity):
    """A log density as a sum over blocks of rows; the prior counts once, with the first.

    Args:
        model: the model of rows.
        size: rows of a block.
    """

    def __init__(self, model: MinibatchModel, size: int) -> None:
        whole = model.density
        size = min(size, model.rows.count)
        self._model, self._size = model, size
        self._first = model.bound(next(model.blocks(size)))
        fewer = model.bound(torch.arange(max(1, size - 1), device=whole.device))
        shapes = {d.name: d.shape for d in fewer.deterministics}
        self.parameters: tuple[Parameter, ...] = whole.parameters
        self.deterministics = tuple(
            d for d in self._first.deterministics if shapes.get(d.name) == d.shape
        )
        #: Deterministic sites that are not reported, because they grow with the rows.
        self.dropped = tuple(d.name for d in whole.deterministics if not self._is_shown(d.name))
        self.random_effects = whole.random_effects
        self.observations = whole.observations
        self.dim = whole.dim
        self.dtype, self.device = whole.dtype, whole.device
        self.tier = whole.tier
        self.notes = whole.notes
        self._sample: Tensor | None = None

    def estimated(self, rows: Tensor) -> "BlockedDensity":
        """Return this density with log density, gradient and Hessian estimated from some rows.

        For stochastic ascent: they are right on average over samples of the rows
        (`MinibatchModel.sample`). Everything else is still of all rows.
        """
        other = copy(self)
        other._sample = rows
        return other

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""
        return self.value_and_grad(z, target)[0]

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D` in `dtype`."""
        if self._sample is not None:
            return self._model.estimate(z, self._sample, target)
        value = torch.zeros(len(z), dtype=torch.float64, device=self.device)
        gradient = torch.zeros(z.shape, dtype=torch.float64, device=self.device)
        for rows, part in self._parts(target):
            more, slope = self._model.part(z, rows, part)
            value += more
            gradient += slope
        return value, gradient.to(self.dtype)

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to `z`, `C x D x D` in `dtype`."""
        if self._sample is not None:
            own = self._model.bound(self._sample)
            others = self._model.rows.count / len(self._sample) - 1.0
            return own.hessian(z, target) + others * own.hessian(z, Target.LIKELIHOOD)
        total = torch.zeros(len(z), self.dim, self.dim, dtype=torch.float64, device=self.device)
        for rows, part in self._parts(target):
            total += self._model.bound(rows).hessian(z, part)
        return total.to(self.dtype)

    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`."""
        return torch.cat([block.scores(z) for block in self._blocks()], dim=1)

    def score_products(self, z: Tensor) -> Tensor:
        """Return the sum over observations of the scores' outer products, `D x D`, at `z`: `D`."""
        total = torch.zeros(self.dim, self.dim, dtype=torch.float64, device=self.device)
        for block in self._blocks():
            total += block.score_products(z)
        return total

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information, `D x D` in float64, at `z`: `D`."""
        total = torch.zeros(self.dim, self.dim, dtype=torch.float64, device=self.device)
        for block in self._blocks():
            more = block.information(z)
            if more is None:
                return None
            total += more
        return total

    def concave(self, target: Target = Target.POSTERIOR) -> bool:
        """Return whether the log density is known to be concave in `z`."""
        # Every block is the same program.
        return self._first.concave(target)

    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""
        parts = [block.terms(z) for block in self._blocks()]
        first = parts[0]
        seen = [name for name in first.by_site if name in first.pointwise]
        summed = {name: torch.stack([p.by_site[name] for p in parts]).sum(0) for name in seen}
        return Terms(
            first.log_prior,
            torch.stack([p.log_likelihood for p in parts]).sum(0),
            first.log_det,
            {**first.by_site, **summed},
            {name: torch.cat([p.pointwise[name] for p in parts], 1) for name in first.pointwise},
        )

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name, each `C x shape`."""
        return self._shown(self._first.constrain(z))

    def constrain_one(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name at one point, each `shape`."""
        return self._shown(self._first.constrain_one(z))

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return `z`, `C x D`, from the parameters' constrained values, each `C x shape`."""
        return self._first.unconstrain(values)

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name, each `C x shape x D`."""
        return self._shown(self._first.jacobian(z))

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return `count x D` starting points, drawn from the priors."""
        return self._first.initial(generator, count)

    def _blocks(self) -> Iterator[TracedDensity]:
        return (self._model.bound(rows) for rows in self._model.blocks(self._size))

    def _parts(self, target: Target) -> Iterator[tuple[Tensor, Target]]:
        """The rows of each block, and what is to be computed of it."""
        for index, rows in enumerate(self._model.blocks(self._size)):
            yield rows, target if index == 0 else Target.LIKELIHOOD

    def _is_shown(self, name: str) -> bool:
        return any(d.name == name for d in self.deterministics)

    def _shown(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        known = {p.name for p in self.parameters} | {d.name for d in self.deterministics}
        return {name: value for name, value in values.items() if name in known}
