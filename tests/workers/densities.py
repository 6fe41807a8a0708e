"""Closed-form densities behind the LogDensity face: what engines are tested on.

`GaussianDensity` has hand-written derivatives (fast; every answer is known). `FunctionDensity`
takes batched functions of the constrained point and differentiates them with torch.func.
`funnel`, `half_space`, `nowhere` and `regression` are ready-made `FunctionDensity` objects.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Deterministic, Note, Parameter, Target, Terms

#: `C x D` constrained points -> `C` (prior) or `C x B` (likelihood, one entry per observation).
Batched = Callable[[Tensor], Tensor]
CPU = torch.device("cpu")


def table(parameters: Mapping[str, tuple[tuple[int, ...], str]]) -> tuple[Parameter, ...]:
    """Lay parameters out one after another from `{name: (shape, support)}`."""
    rows, offset = [], 0
    for name, (shape, support) in parameters.items():
        size = math.prod(shape)
        rows.append(Parameter(name, shape, support, size, offset))
        offset += size
    return tuple(rows)


def split(parameters: Sequence[Parameter], x: Tensor) -> dict[str, Tensor]:
    """Cut `C x D` into the parameters' values, each `C x shape`."""
    return {p.name: x[:, p.offset : p.offset + p.size].reshape(-1, *p.shape) for p in parameters}


def join(parameters: Sequence[Parameter], values: Mapping[str, Tensor]) -> Tensor:
    """Lay the parameters' values, each `C x shape`, side by side: `C x D`."""
    return torch.cat([values[p.name].reshape(-1, p.size) for p in parameters], dim=1)


def uniform_start(generator: torch.Generator, count: int, dim: int, dtype: torch.dtype) -> Tensor:
    return torch.rand(count, dim, generator=generator, dtype=torch.float64).to(dtype) * 4 - 2


class GaussianDensity(AbstractLogDensity):
    """The normal N(loc, covariance) of one vector parameter `x`, normalised: its evidence is 1.

    It counts as likelihood: the three targets agree, and the maximum is `loc`.
    """

    def __init__(self, loc: Tensor, covariance: Tensor, dtype: torch.dtype = torch.float64) -> None:
        self.dim = len(loc)
        self.loc = loc.to(dtype)
        self.covariance = covariance.to(torch.float64)
        precision = torch.linalg.inv(self.covariance)
        self.precision = ((precision + precision.T) / 2).to(dtype)
        self.constant = -0.5 * (
            self.dim * math.log(2 * math.pi) + float(torch.logdet(self.covariance))
        )
        self.parameters = table({"x": ((self.dim,), "real")})
        self.deterministics: tuple[Deterministic, ...] = ()
        self.random_effects: tuple[str, ...] = ()
        self.observations = 1
        self.dtype = dtype
        self.device = CPU
        self.tier = "interpreted"
        self.notes: tuple[Note, ...] = ()

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        return self.value_and_grad(z, target)[0]

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        away = z - self.loc
        gradient = -(away @ self.precision)
        value = 0.5 * (away * gradient).sum(1, dtype=torch.float64) + self.constant
        return value, gradient

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        return -self.precision.expand(len(z), self.dim, self.dim)

    def scores(self, z: Tensor) -> Tensor:
        return self.value_and_grad(z)[1][:, None]

    def terms(self, z: Tensor) -> Terms:
        value = self.value(z)
        zero = torch.zeros_like(value)
        return Terms(zero, value, zero, {"x": value}, {"x": value[:, None]})

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        return split(self.parameters, z)

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        return join(self.parameters, values)

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        eye = torch.eye(self.dim, dtype=self.dtype)
        return {"x": eye.expand(len(z), self.dim, self.dim)}

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        return uniform_start(generator, count, self.dim, self.dtype)


class FunctionDensity(AbstractLogDensity):
    """A density from functions of the constrained point, differentiated with torch.func.

    Args:
        likelihood: `C x D` constrained -> `C x B` log likelihood per observation (or `C`).
        prior: `C x D` constrained -> `C` log prior; flat when absent.
        parameters: `{name: (shape, "real" | "positive")}`; `positive` is the exponential of `z`.
        deterministics: `{name: function of C x D constrained -> C x ...}`.
        start: `(generator, count) -> count x D` unconstrained; uniform(-2, 2) when absent.
        names: what the prior's and the likelihood's entries in `terms().by_site` are called.
    """

    def __init__(
        self,
        likelihood: Batched,
        parameters: Mapping[str, tuple[tuple[int, ...], str]],
        *,
        prior: Batched | None = None,
        deterministics: Mapping[str, Batched] | None = None,
        start: Callable[[torch.Generator, int], Tensor] | None = None,
        names: tuple[str, str] = ("prior", "y"),
        random_effects: tuple[str, ...] = (),
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.parameters = table(parameters)
        self.dim = sum(p.size for p in self.parameters)
        self._likelihood = likelihood
        self._prior = prior or (lambda x: torch.zeros_like(x[:, 0]))
        self._derived = dict(deterministics or {})
        self._start = start
        self._names = names
        self._positive = torch.cat(
            [torch.full((p.size,), p.support == "positive") for p in self.parameters]
        )
        probe = torch.ones(1, self.dim, dtype=dtype)
        self.deterministics = tuple(
            Deterministic(name, tuple(f(probe).shape[1:])) for name, f in self._derived.items()
        )
        self.random_effects = random_effects
        self.observations = self._pointwise(probe).shape[1]
        self.dtype = dtype
        self.device = CPU
        self.tier = "interpreted"
        self.notes: tuple[Note, ...] = ()

    def _constrained(self, z: Tensor) -> Tensor:
        # The exponential of the others may overflow, and its gradient would be nan.
        scales = torch.where(self._positive, z, 0.0).exp()
        return torch.where(self._positive, scales, z)

    def _log_det(self, z: Tensor) -> Tensor:
        return torch.where(self._positive, z, 0.0).sum(1)

    def _pointwise(self, x: Tensor) -> Tensor:
        out = self._likelihood(x)
        return out if out.ndim == 2 else out[:, None]

    def _total(self, z: Tensor, target: Target) -> Tensor:
        x = self._constrained(z)
        total = self._pointwise(x).sum(1, dtype=torch.float64)
        if target != Target.LIKELIHOOD:
            total = total + self._prior(x)
        if target == Target.POSTERIOR:
            total = total + self._log_det(z)
        return total

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        return self._total(z, target)

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        def summed(z: Tensor) -> tuple[Tensor, Tensor]:
            each = self._total(z, target)
            return each.sum(), each

        # Rows are independent, so the gradient of the sum is each row's own gradient.
        gradient, value = torch.func.grad(summed, has_aux=True)(z)
        return value, gradient

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        def one(z: Tensor) -> Tensor:
            return self._total(z[None], target)[0]

        # Reverse over reverse: forward mode loads torch.jit.script, which warns (torch 2.13).
        second = torch.func.jacrev(torch.func.jacrev(one))
        return torch.func.vmap(second)(z).to(self.dtype)

    def scores(self, z: Tensor) -> Tensor:
        def one(z: Tensor) -> Tensor:
            return self._pointwise(self._constrained(z[None]))[0]

        return torch.func.vmap(torch.func.jacrev(one))(z).to(self.dtype)

    def terms(self, z: Tensor) -> Terms:
        x = self._constrained(z)
        each = self._pointwise(x)
        prior, likelihood = self._prior(x).double(), each.sum(1, dtype=torch.float64)
        by_site = dict(zip(self._names, (prior, likelihood), strict=True))
        return Terms(prior, likelihood, self._log_det(z).double(), by_site, {self._names[1]: each})

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        x = self._constrained(z)
        return split(self.parameters, x) | {name: f(x) for name, f in self._derived.items()}

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        x = join(self.parameters, values)
        return torch.where(self._positive, x.log(), x)

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        def one(z: Tensor) -> dict[str, Tensor]:
            return {name: value[0] for name, value in self.constrain(z[None]).items()}

        return torch.func.vmap(torch.func.jacrev(one))(z)

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        if self._start is not None:
            return self._start(generator, count)
        return uniform_start(generator, count, self.dim, self.dtype)


def _normal(x: Tensor, loc: Tensor | float, scale: Tensor | float) -> Tensor:
    scale = torch.as_tensor(scale, dtype=x.dtype)
    return -0.5 * ((x - loc) / scale) ** 2 - scale.log() - 0.5 * math.log(2 * math.pi)


def funnel(dim: int = 9, dtype: torch.dtype = torch.float64) -> FunctionDensity:
    """Neal's funnel: v ~ N(0, 3), x_i ~ N(0, exp(v / 2)). Neal, Slice sampling (2003), sec. 8."""

    def prior(x: Tensor) -> Tensor:
        return _normal(x[:, 0], 0.0, 3.0)

    def likelihood(x: Tensor) -> Tensor:
        return _normal(x[:, 1:], 0.0, (x[:, :1] / 2).exp())

    return FunctionDensity(
        likelihood, {"v": ((), "real"), "x": ((dim,), "real")}, prior=prior, dtype=dtype
    )


def half_space(bound: float = 0.0, dtype: torch.dtype = torch.float64) -> FunctionDensity:
    """Two standard normals that are nan below `bound`: half normals with a wall."""

    def likelihood(x: Tensor) -> Tensor:
        inside = (x > bound).all(1, keepdim=True)
        return torch.where(inside, _normal(x, 0.0, 1.0), torch.nan)

    return FunctionDensity(likelihood, {"x": ((2,), "real")}, dtype=dtype)


def nowhere(names: tuple[str, str] = ("mu", "y")) -> FunctionDensity:
    """A density that is finite nowhere: the likelihood (second name) is `-inf`."""

    def likelihood(x: Tensor) -> Tensor:
        return torch.full_like(x, -torch.inf)

    return FunctionDensity(likelihood, {"mu": ((), "real")}, names=names)


def regression(design: Tensor, y: Tensor, *, prior_scale: float | None = None) -> FunctionDensity:
    """Linear regression: y ~ N(design @ beta, sigma), beta flat or N(0, prior_scale), sigma flat.

    Args:
        design: `B x K`.
        y: `B`.
        prior_scale: standard deviation of beta's prior; None is flat.
    """
    width = design.shape[1]

    def prior(x: Tensor) -> Tensor:
        if prior_scale is None:
            return torch.zeros_like(x[:, 0])
        return _normal(x[:, :width], 0.0, prior_scale).sum(1)

    def likelihood(x: Tensor) -> Tensor:
        return _normal(y, x[:, :width] @ design.T, x[:, width:])

    return FunctionDensity(
        likelihood,
        {"beta": ((width,), "real"), "sigma": ((), "positive")},
        prior=prior,
        dtype=design.dtype,
    )
