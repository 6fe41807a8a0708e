"""The Fisher information of a distribution about its own arguments, in closed form.

Lehmann and Casella, Theory of Point Estimation (1998), section 2.5. Shape letters: `R` independent
observations, `P` arguments.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from models.derivatives.jacobian import jacobian
from models.families import continuous, counts
from models.trace import Reading

#: Euler's constant.
_GAMMA = 0.57721566490153286


class Information(NamedTuple):
    """What observations tell about the arguments of their distribution."""

    #: `R x P`.
    arguments: Tensor
    #: `R x P x P`; nan about an argument for which there is no closed form.
    matrix: Tensor


def information(fn: Any, shape: torch.Size) -> Information | None:
    """Return the information of independent observations; None where no closed form is known.

    Args:
        fn: their distribution.
        shape: of the observed values.
    """
    masks = []
    while hasattr(fn, "base_dist"):
        if isinstance(fn, dist.MaskedDistribution):
            masks.append(torch.as_tensor(fn._mask))
        fn = fn.base_dist
    closed = next((_CLOSED[kind] for kind in type(fn).__mro__ if kind in _CLOSED), None)
    if closed is None:
        return None
    arguments, entries = closed(fn)
    shape = torch.broadcast_shapes(fn.batch_shape, shape, *(mask.shape for mask in masks))

    def rows(numbers: Tensor) -> Tensor:
        return numbers.expand(shape).reshape(-1)

    matrix = torch.stack([torch.stack([rows(e) for e in row], -1) for row in entries], -2)
    for mask in masks:
        matrix = matrix * rows(mask.to(matrix.dtype))[:, None, None]
    return Information(torch.stack([rows(a) for a in arguments], -1), matrix)


def expected(read: Callable[[Tensor], Reading], z: Tensor) -> Tensor | None:
    """Return the expected information of a likelihood, `D x D` in float64, at `z`: `D`.

    The sum over observations of `J^T I J`: `I` about the arguments of the distribution, `J` their
    derivatives by `z`. None where observations are not independent, or have no closed form.

    Args:
        read: `z` -> a reading of the model there.
        z: unconstrained coordinates.
    """
    told = _told(read(z))
    if told is None:
        return None

    def arguments(z: Tensor) -> Tensor:
        parts = [one.arguments.reshape(-1) for one in _told(read(z)) or []]
        return torch.cat(parts) if parts else z.new_zeros(0)

    sizes = [one.arguments.numel() for one in told]
    total = torch.zeros(len(z), len(z), dtype=torch.float64, device=z.device)
    for one, slope in zip(told, jacobian(arguments, z).double().split(sizes), strict=True):
        by_row = slope.reshape(*one.arguments.shape, len(z))  # R x P x D
        unknown = one.matrix.diagonal(dim1=1, dim2=2).isnan()
        if bool(by_row[unknown].any()):
            return None
        matrix = one.matrix.double().nan_to_num(0.0)
        total += torch.einsum("rpd,rpq,rqe->de", by_row, matrix, by_row)
    return total


def _told(reading: Reading) -> list[Information] | None:
    if reading.enumerated or reading.log_factors:
        return None
    told = [information(fn, value.shape) for fn, value in reading.observed.values()]
    known = [one for one in told if one is not None]
    return known if len(known) == len(told) else None


#: Arguments, and the entries of the information about them.
_Told = tuple[Sequence[Tensor], Sequence[Sequence[Tensor]]]


def _normal(fn: Any) -> _Told:
    zero, precision = torch.zeros_like(fn.scale), fn.scale**-2
    return (fn.loc, fn.scale), ((precision, zero), (zero, 2 * precision))


def _student(fn: Any) -> _Told:
    zero, unknown = torch.zeros_like(fn.scale), torch.full_like(fn.scale, torch.nan)
    share = (fn.df + 3) * fn.scale**2
    return (fn.df, fn.loc, fn.scale), (
        (unknown, zero, unknown),
        (zero, (fn.df + 1) / share, zero),
        (unknown, zero, 2 * fn.df / share),
    )


def _laplace(fn: Any) -> _Told:
    zero, precision = torch.zeros_like(fn.scale), fn.scale**-2
    return (fn.loc, fn.scale), ((precision, zero), (zero, precision))


def _bernoulli(fn: Any) -> _Told:
    won, lost = fn.logits.sigmoid(), (-fn.logits).sigmoid()
    return (fn.logits,), ((won * lost,),)


def _binomial(fn: Any) -> _Told:
    won, lost = fn.logits.sigmoid(), (-fn.logits).sigmoid()
    return (fn.logits,), ((fn.total_count * won * lost,),)


def _poisson(fn: Any) -> _Told:
    return (fn.rate,), ((1 / fn.rate,),)


def _geometric(fn: Any) -> _Told:
    return (fn.logits,), (((-fn.logits).sigmoid(),),)


def _negative_binomial(fn: Any) -> _Told:
    unknown = torch.full_like(fn.logits, torch.nan)
    own = fn.total_count * fn.logits.sigmoid()
    return (fn.total_count, fn.logits), ((unknown, unknown), (unknown, own))


def _exponential(fn: Any) -> _Told:
    return (fn.rate,), ((fn.rate**-2,),)


def _gamma(fn: Any) -> _Told:
    a, b = fn.concentration, fn.rate
    return (a, b), ((torch.polygamma(1, a), -1 / b), (-1 / b, a / b**2))


def _beta(fn: Any) -> _Told:
    a, b = fn.concentration1, fn.concentration0
    both = torch.polygamma(1, a + b)
    return (a, b), (
        (torch.polygamma(1, a) - both, -both),
        (-both, torch.polygamma(1, b) - both),
    )


def _weibull(fn: Any) -> _Told:
    scale, shape = fn.scale, fn.concentration
    across = -(1 - _GAMMA) / scale
    own = (math.pi**2 / 6 + (1 - _GAMMA) ** 2) / shape**2
    return (scale, shape), (((shape / scale) ** 2, across), (across, own))


_CLOSED: Mapping[type, Callable[[Any], _Told]] = {
    dist.Normal: _normal,
    continuous.LogNormal: _normal,
    continuous.StudentT: _student,
    dist.Laplace: _laplace,
    counts.Bernoulli: _bernoulli,
    counts.Binomial: _binomial,
    counts.Poisson: _poisson,
    counts.Geometric: _geometric,
    counts.NegativeBinomial: _negative_binomial,
    dist.Exponential: _exponential,
    dist.Gamma: _gamma,
    dist.Beta: _beta,
    continuous.Weibull: _weibull,
}
