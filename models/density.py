"""LogDensity: the one seam between what a model means and how an engine computes with it.

Shape letters: `C` chains, `D` unconstrained dimension, `B` data rows.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.cut.surface import Surface
from models.formula.legend import Legend
from models.native.handle import DensityHandle
from models.precision import LowName
from models.supports import is_discrete


class Target(enum.StrEnum):
    """Which function of the unconstrained point `z` an engine asks for."""

    #: log prior + log likelihood + log |det J|: the density of `z`, what samplers and VI use.
    POSTERIOR = "posterior"
    #: log prior + log likelihood at the constrained point, without Jacobian: what MAP maximises.
    JOINT = "joint"
    #: log likelihood of observed sites and factors, discrete latents summed out, without Jacobian.
    LIKELIHOOD = "likelihood"


@dataclass(frozen=True)
class Parameter:
    """An unknown of the model: a latent site, or a parameter without prior.

    One that is discrete could not be summed out; its coordinates in `z` are its values.
    """

    name: str
    #: Constrained shape, plates first; `()` is a scalar.
    shape: tuple[int, ...]
    #: The support by Pyro's name: `real`, `positive`, `simplex`, `interval(0, 2)`, ...
    support: str
    #: Number of unconstrained coordinates.
    size: int
    #: Its first coordinate in `z`; the coordinates are `offset ... offset + size - 1`.
    offset: int
    #: The plate that each dimension of `shape` runs over, from the left, None where it runs over
    #: none; empty outside of plates.
    plates: tuple[str | None, ...] = ()

    @property
    def discrete(self) -> bool:
        """Whether it takes whole numbers alone."""
        return is_discrete(self.support)


@dataclass(frozen=True)
class Deterministic:
    """A named function of the parameters, reported beside them."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Note:
    """Something the reader of a result should know about how it was computed."""

    code: str
    message: str


@dataclass(frozen=True)
class Terms:
    """The parts of the log density at each of `C` points, sums in float64."""

    #: `C`: sum over continuous latents.
    log_prior: Tensor
    #: `C`: sum over observed sites and factors.
    log_likelihood: Tensor
    #: `C`: log |det J| of the map from unconstrained to constrained space.
    log_det: Tensor
    #: `C` for every site and factor by name; discrete latents that were summed out stand in
    #: the entry of the observed sites they belong to.
    by_site: Mapping[str, Tensor]
    #: `C x ...` for every observed site by name: one entry per observation where the sites are
    #: independent given the parameters.
    pointwise: Mapping[str, Tensor]


class AbstractLogDensity(ABC):
    """A compiled model with its data: a batched log density over unconstrained points.

    Every method takes `z`: `C x D` in the run's dtype on the run's device, and treats the `C` rows
    as independent. Log densities come back in float64 whatever the run's dtype. A point outside
    the support gives `-inf` or `nan`, never an exception.
    """

    parameters: tuple[Parameter, ...]
    deterministics: tuple[Deterministic, ...]
    #: Names of latent sites that look like random effects: in a plate, with a prior that depends
    #: on other unknowns or multiplied with another unknown.
    random_effects: tuple[str, ...]
    #: Number of observed values (rows) over all observed sites: the `n` of BIC.
    observations: int
    #: `D`.
    dim: int
    dtype: torch.dtype
    device: torch.device
    #: `interpreted` or `compiled`.
    tier: str
    notes: tuple[Note, ...]
    #: Whether `initial` draws from priors; else it is uniform on (-2, 2).
    knows_priors: bool = True
    #: What a formula's result is read by: labels of entries, and the priors.
    legend: Legend | None = None

    @abstractmethod
    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""

    @abstractmethod
    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D` in `dtype`."""

    def force(self, z: Tensor) -> Tensor:
        """Return the gradient that moves a chain, `C x D` in `dtype`.

        Any deterministic function of `z` leaves the draws exact, since the accept step looks at
        the log density alone; so this may be of lower precision, and costs no log density.
        """
        return self.value_and_grad(z)[1]

    @property
    def exact(self) -> "AbstractLogDensity":
        """The same density with no matrix product rounded; itself where none is."""
        return self

    def rough(self, z: Tensor, low: LowName, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return value and gradient for a stochastic ascent, both from products in `low`.

        Args:
            z: `C x D`.
            low: the products' type; where a density rounds none, none is.
            scale: a power of two: the log density is multiplied by it before it is differentiated,
                so that small numbers do not vanish in a narrow type, and the gradient divided. A
                gradient that overflows is not finite.
        """
        return self.value_and_grad(z)

    @property
    def handle(self) -> DensityHandle | None:
        """Where native code finds the log density of the posterior, on the compiled tier."""
        return None

    def surface(self, target: Target) -> Surface | None:
        """Return the log density through its cut, whose Hessian is cheap; None where it has none.

        Values and gradients of other targets than the posterior go through it as well: climbs have
        few points, and are over before a graph of many is recorded.
        """
        return None

    def trouble(self, z: Tensor) -> str | None:
        """Return what the model itself says of a point, `D`, without a finite log density.

        None where it says nothing.
        """
        return None

    def close(self) -> None:  # noqa: B027
        """Let go of what outlives the object, such as a process; asked for nothing afterwards."""

    @abstractmethod
    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to `z`, `C x D x D` in `dtype`."""

    @abstractmethod
    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`.

        Their sum is that of the likelihood where there are no log factors.
        """

    def score_products(self, z: Tensor) -> Tensor:
        """Return the sum over observations of the scores' outer products, at `z`: `D`.

        `S^T S`: `D x D` in float64, from the scores `S`: `B x D`.
        """
        (scores,) = self.scores(z[None]).to(torch.float64)
        return scores.T @ scores

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information, `D x D` in float64, at `z`: `D`.

        None where it has no closed form.
        """
        return None

    def concave(self, target: Target = Target.POSTERIOR) -> bool:
        """Return whether the log density is known to be concave in `z`."""
        return False

    @abstractmethod
    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""

    @abstractmethod
    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name, each `C x shape`."""

    def constrain_parameters(self, z: Tensor) -> dict[str, Tensor]:
        """Return the parameters alone by name, each `C x shape`."""
        values = self.constrain(z)
        return {parameter.name: values[parameter.name] for parameter in self.parameters}

    def constrain_one(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name at one point, `z`: `D`, each `shape`."""
        return {name: value[0] for name, value in self.constrain(z[None]).items()}

    @abstractmethod
    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return `z`, `C x D`, from the parameters' constrained values, each `C x shape`."""

    @abstractmethod
    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name, each `C x shape x D`."""

    @abstractmethod
    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return `count x D` starting points.

        Each parameter is drawn from its prior; where a prior cannot be sampled (flat priors,
        parameters without prior), from uniform(-2, 2) on the unconstrained scale, or it takes
        the `init` of its definition.
        """
