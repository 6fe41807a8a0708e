"""Run a Pyro program once under a handler and read off what inference needs.

A `Reader` answers every latent site with a value and collects, in program order, the parameters,
their supports and log |det J|, the log-prior and log-likelihood factors, the discrete latents to
sum out and the deterministic sites. A discrete latent that cannot be summed out is an unknown like
the continuous ones, whose coordinates are its values. Where a latent's value comes from is the
reader's supply: a slice of an unconstrained vector, a given constrained value, or a draw from the
prior. Because the support is taken from the distribution as it stands in that run, bounds may
depend on other parameters (`Uniform(low, high)` of latents); the map stays triangular, so its
log |det J| is the sum over the sites.

This file is also the fence around Pyro's process-wide state: programs run with Pyro's and torch's
validation off, one at a time, and the parameter store is never reached.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyro
import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform, identity_transform

from models.enumeration import Enumerated, Factor, Plate
from models.errors import DefinitionError
from models.supports import innermost, transform_to, unconstrained_shape

_PYRO_IS_PROCESS_WIDE = threading.RLock()
_SYMMETRIC = (type(constraints.positive_definite), type(constraints.corr_matrix))


@contextmanager
def fenced() -> Iterator[None]:
    """Hold Pyro's process-wide stack and flags; validation is off inside, restored after."""
    with _PYRO_IS_PROCESS_WIDE, pyro.validation_enabled(False):
        yield


@dataclass(frozen=True)
class Unknown:
    """A latent that is not summed out, or a parameter without prior, as its site presents it."""

    name: str
    constraint: Constraint
    #: Constrained shape.
    shape: torch.Size
    #: None for a parameter without prior.
    prior: Any | None
    #: The `init` of a parameter without prior; NaN entries mean none was given.
    init: Tensor | None
    plates: frozenset[Plate]

    @property
    def discrete(self) -> bool:
        """Whether it is discrete: its coordinates are its values."""
        return bool(self.constraint.is_discrete)

    @property
    def transform(self) -> Transform:
        """The map from its coordinates to its value."""
        return identity_transform if self.discrete else transform_to(self.constraint)

    @property
    def unconstrained(self) -> torch.Size:
        """Shape of its coordinates."""
        if self.discrete:
            return self.shape
        return torch.Size(unconstrained_shape(self.constraint, tuple(self.shape)))


class Answer(NamedTuple):
    """What a program is answered where it asks for an unknown."""

    #: The unconstrained value; where there is none, the constrained one.
    z: Tensor
    value: Tensor
    #: log |det J| of the map from the one to the other, a scalar in float64.
    log_det: Tensor


class AbstractSupply(ABC):
    """Where the values of the unknowns come from."""

    @abstractmethod
    def answer(self, unknown: Unknown) -> Answer:
        """Return the unknown's value."""


class AbstractCoordinates(AbstractSupply):
    """Supplies unconstrained values, which are mapped to the support."""

    @abstractmethod
    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return the unknown's unconstrained value in its unconstrained shape."""

    def answer(self, unknown: Unknown) -> Answer:
        """Return the value that the unconstrained one stands for."""
        z = self.unconstrained(unknown)
        transform = unknown.transform
        value = transform(z)
        log_det = transform.log_abs_det_jacobian(z, value)
        return Answer(z, value, log_det.sum(dtype=torch.float64))


class Entries(AbstractSupply):
    """Constrained values as they are, `E` entries in one vector, inside the support or not."""

    def __init__(self, entries: Tensor, sizes: Sequence[int]) -> None:
        self._pieces = iter(torch.split(entries, list(sizes)))

    def answer(self, unknown: Unknown) -> Answer:
        """Return the next piece."""
        value = next(self._pieces).reshape(unknown.shape)
        if isinstance(unknown.constraint, _SYMMETRIC):
            # Densities read one triangle or the other: mirrored entries are one number.
            value = (value + value.mT) / 2
        return Answer(value, value, value.new_zeros((), dtype=torch.float64))


class Values(AbstractSupply):
    """Constrained values by name, as they are."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = values

    def answer(self, unknown: Unknown) -> Answer:
        """Return the unknown's value."""
        value = self._values[unknown.name]
        return Answer(value, value, value.new_zeros((), dtype=torch.float64))


class Pieces(AbstractCoordinates):
    """An unconstrained vector `z`: `D`, cut into one piece per unknown."""

    def __init__(self, z: Tensor, sizes: Sequence[int]) -> None:
        self._pieces = iter(torch.split(z, list(sizes)))

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return the next piece."""
        return next(self._pieces).reshape(unknown.unconstrained)


class Origin(AbstractCoordinates):
    """Zero for every unknown: for runs that ask only for shapes."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return zeros."""
        return torch.zeros(unknown.unconstrained, dtype=self._dtype, device=self._device)


class Given(AbstractCoordinates):
    """Constrained values by name."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = values

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Map the given value to the unconstrained scale."""
        value = self._values[unknown.name]
        return unknown.transform.inv(value.reshape(unknown.shape))


class Prior(AbstractCoordinates):
    """Draws from the priors; uniform(-2, 2) unconstrained where there is nothing to draw from.

    The draws use torch's default generator: the caller forks and seeds it (`TracedDensity`).
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return a draw, or the `init` of a parameter without prior."""
        if unknown.init is not None and not bool(unknown.init.isnan().any()):
            return self._inverse(unknown, unknown.init.to(self._device, self._dtype))
        if unknown.prior is not None:
            try:
                return self._inverse(unknown, unknown.prior.sample().to(self._dtype))
            except NotImplementedError:
                pass
        uniform = torch.rand(unknown.unconstrained, dtype=self._dtype, device=self._device)
        return 4 * uniform - 2

    @staticmethod
    def _inverse(unknown: Unknown, value: Tensor) -> Tensor:
        return unknown.transform.inv(value.expand(unknown.shape))


@dataclass
class Reading:
    """What one run of a program showed, in program order."""

    unknowns: list[Unknown] = field(default_factory=list)
    #: By unknown: its unconstrained value.
    unconstrained: dict[str, Tensor] = field(default_factory=dict)
    #: By unknown: its constrained value.
    values: dict[str, Tensor] = field(default_factory=dict)
    #: By unknown: log |det J|, a scalar in float64.
    log_dets: dict[str, Tensor] = field(default_factory=dict)
    priors: list[Factor] = field(default_factory=list)
    #: Observed sites and log factors.
    likelihoods: list[Factor] = field(default_factory=list)
    #: The distributions of the discrete latents at all their values.
    discrete: list[Factor] = field(default_factory=list)
    enumerated: list[Enumerated] = field(default_factory=list)
    deterministics: dict[str, Tensor] = field(default_factory=dict)
    #: By observed site: the number of rows, and the site's distribution and value.
    rows: dict[str, int] = field(default_factory=dict)
    observed: dict[str, tuple[Any, Tensor]] = field(default_factory=dict)
    #: Names of log factors.
    log_factors: list[str] = field(default_factory=list)
    #: By sampled, observed or deterministic site: the plate of each dimension of its value, None
    #: where there is none. Only without enumeration do the dimensions stand where they belong.
    dims: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    #: The largest number of batch dimensions of any site.
    batch_rank: int = 0


class Reader(Messenger):  # type: ignore[misc]
    """Answers a program's sites from a supply and keeps what it saw in `reading`.

    Args:
        supply: where the unknowns' values come from.
        batch_rank: the number of batch dimensions in use; discrete latents are enumerated to the
            left of them. None: do not enumerate but answer with the first (or a sampled) value.
        sample_discrete: with `batch_rank` None: draw discrete latents instead of taking the first.
        kept: discrete latents whose values come from the supply although they could be listed.
    """

    def __init__(
        self,
        supply: AbstractSupply,
        batch_rank: int | None = None,
        sample_discrete: bool = False,
        kept: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.reading = Reading()
        self._kept = kept
        self._supply = supply
        self._batch_rank = batch_rank
        self._sample_discrete = sample_discrete
        self._names: set[str] = set()

    def _pyro_param(self, msg: Any) -> None:
        name, init = msg["name"], msg["args"][1]
        self._claim(name)
        constraint = msg["kwargs"].get("constraint") or torch.distributions.constraints.real
        unknown = Unknown(name, constraint, init.shape, None, init, frozenset())
        msg["value"], msg["done"] = self._answer(unknown), True

    def _pyro_sample(self, msg: Any) -> None:
        fn = msg["fn"]
        if msg["done"] or not isinstance(fn, TorchDistributionMixin):
            return
        self._claim(msg["name"])
        self.reading.batch_rank = max(self.reading.batch_rank, len(fn.batch_shape))
        if msg["is_observed"]:
            return
        listed = bool(fn.support.is_discrete) and self._listed(msg)
        msg["value"] = self._enumerated(msg) if listed else self._unknown(msg)
        msg["done"] = True

    def _pyro_post_sample(self, msg: Any) -> None:
        fn, name, value = msg["fn"], msg["name"], msg["value"]
        if not isinstance(fn, TorchDistributionMixin):
            return
        self.reading.dims[name] = _dims(msg)
        if msg["infer"].get("_deterministic"):
            self.reading.deterministics[name] = value
            return
        if name in self.reading.values and _is_flat(fn):
            return
        log_prob = fn.log_prob(value)
        # An observed array may have more dimensions than its distribution's batch.
        self.reading.batch_rank = max(self.reading.batch_rank, log_prob.dim())
        factor = self._factor(name, log_prob, self._plates(msg, log_prob.shape))
        if name in self.reading.values:
            self.reading.priors.append(factor)
        elif not msg["is_observed"]:
            self.reading.discrete.append(factor)
        else:
            self.reading.likelihoods.append(factor)
            if msg["infer"].get("is_auxiliary"):
                self.reading.log_factors.append(name)
            else:
                self.reading.rows[name] = value.shape[0] if value.dim() else 1
                self.reading.observed[name] = (fn, value)

    def _claim(self, name: str) -> None:
        if name in self._names:
            raise DefinitionError("model", f"the name '{name}' is used twice; rename one of them")
        self._names.add(name)

    def _unknown(self, msg: Any) -> Tensor:
        fn = msg["fn"]
        batch = fn.batch_shape
        if self._batch_rank is not None:
            # Dimensions further left belong to enumerated latents, not to this site's value.
            batch = batch[max(0, len(batch) - self._batch_rank) :]
        unknown = Unknown(
            msg["name"], fn.support, batch + fn.event_shape, fn, None, self._plates(msg, batch)
        )
        return self._answer(unknown)

    def _answer(self, unknown: Unknown) -> Tensor:
        z, value, log_det = self._supply.answer(unknown)
        self.reading.unknowns.append(unknown)
        self.reading.unconstrained[unknown.name] = z
        self.reading.values[unknown.name] = value
        self.reading.log_dets[unknown.name] = log_det
        return value

    def _listed(self, msg: Any) -> bool:
        """Whether a discrete latent is answered with its values in a list."""
        fn, name = msg["fn"], msg["name"]
        if fn.has_enumerate_support:
            return name not in self._kept
        if innermost(fn.support).event_dim:
            raise DefinitionError(
                "model",
                f"the counts of the discrete latent '{name}' have a fixed total: they have no "
                "finite list of values, and none varies alone; write Binomials, one after another, "
                "or observe it, or replace it by a continuous latent",
            )
        return False

    def _enumerated(self, msg: Any) -> Tensor:
        fn, name = msg["fn"], msg["name"]
        if self._batch_rank is None and self._sample_discrete:
            return fn.sample()
        support = fn.enumerate_support(expand=False)
        if self._batch_rank is None:
            return support[0].expand(fn.batch_shape + fn.event_shape)
        dim = -1 - self._batch_rank - len(self.reading.enumerated)
        self.reading.enumerated.append(Enumerated(name, dim, self._plates(msg, fn.batch_shape)))
        shape = (support.shape[0], *(1,) * (-dim - 1), *fn.event_shape)
        return support.reshape(shape)

    def _plates(self, msg: Any, shape: Sequence[int]) -> frozenset[Plate]:
        """The plates of a site, and its batch dimensions without a plate as plates of their own."""
        named = {(f.name, f.dim) for f in msg["cond_indep_stack"] if f.vectorized}
        taken = {dim for _, dim in named}
        rank = len(shape) if self._batch_rank is None else min(len(shape), self._batch_rank)
        bare = {(str(d), d) for d in range(-rank, 0) if d not in taken and shape[d] > 1}
        return frozenset(named | bare)

    def _factor(self, name: str, log_prob: Tensor, plates: frozenset[Plate]) -> Factor:
        dims = (e.dim for e in self.reading.enumerated)
        latents = frozenset(d for d in dims if log_prob.dim() >= -d and log_prob.shape[d] > 1)
        return Factor(name, log_prob, plates, latents)


def _dims(msg: Any) -> tuple[str | None, ...]:
    """The plate of each dimension of a site's value."""
    frames = {f.dim: f for f in msg["cond_indep_stack"] if f.vectorized}
    shape = msg["value"].shape
    event = msg["fn"].event_dim
    if msg["infer"].get("_deterministic"):
        # Pyro counts all of the value as event; one that is as deep as the plates around it has
        # their dimensions, and of a deeper one nobody can tell.
        event = 0 if len(shape) <= max((-dim for dim in frames), default=0) else len(shape)
    batch = len(shape) - event
    named = {batch + dim: f for dim, f in frames.items() if batch + dim >= 0}
    return tuple(
        # A graph's plate that stands at several dimensions is `name@2` at the second.
        named[n].name.partition("@")[0] if n in named and named[n].size == size else None
        for n, size in enumerate(shape)
    )


def _is_flat(fn: Any) -> bool:
    """Whether a prior is improper and uniform: it adds nothing to the log density."""
    while hasattr(fn, "base_dist") and not isinstance(fn, pyro.distributions.ImproperUniform):
        fn = fn.base_dist
    return isinstance(fn, pyro.distributions.ImproperUniform)
