"""LogDensity: the one seam between what a model means and how an engine computes with it.

Shape letters: `C` chains, `D` unconstrained dimension, `B` data rows.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.formula.legend import Legend
from models.native.handle import DensityHandle


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
    """A continuous unknown of the model: a latent site, or a parameter without prior."""

    name: str
    #: Constrained shape, plates first; `()` is a scalar.
    shape: tuple[int, ...]
    #: The support by Pyro's name: `real`, `positive`, `simplex`, `interval(0, 2)`, ...
    support: str
    #: Number of unconstrained coordinates.
    size: int
    #: Its first coordinate in `z`; the coordinates are `offset ... offset + size - 1`.
    offset: int


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
    def handle(self) -> DensityHandle | None:
        """Where native code finds the log density of the posterior, on the compiled tier."""
        return None

    @abstractmethod
    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to `z`, `C x D x D` in `dtype`."""

    @abstractmethod
    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`.

        Their sum is that of the likelihood where there are no log factors.
        """

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information, `D x D` in float64, at `z`: `D`.

        None where it has no closed form.
        """
        return None

    @abstractmethod
    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""

    @abstractmethod
    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name, each `C x shape`."""

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
