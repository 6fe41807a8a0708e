"""Whether a log density is concave, so that a maximum of it is the only one, seen by its structure.

That of a generalised linear model with a log-concave family is: its observations are a concave
function of a linear predictor, and that is a linear function of the unknowns (Pratt, Concavity of
the log likelihood, JASA 76, 1981). The family is known by its class. That the predictor is linear
is seen at random points: a function `f` is affine where `f(a + b) = f(a) + f(b) - f(0)`.

Concave on the unconstrained scale; the likelihood of a regression whose scale is unknown is not.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from models.density import Target
from models.families import continuous, counts
from models.trace import Reading

#: Pairs of random points at which a function is seen to be affine; one pair where there are so many
#: rows, each of which is a function by itself.
PAIRS, MANY = 3, 10**5

#: The quantity that may move with the unknowns, on a scale on which the log density is concave in
#: it, and those that may not move.
_Parts = tuple[Tensor, tuple[Tensor, ...]]

_FAMILIES: Mapping[type, Callable[[Any], _Parts]] = {
    dist.Normal: lambda fn: (fn.loc, (fn.scale,)),
    dist.Laplace: lambda fn: (fn.loc, (fn.scale,)),
    counts.Bernoulli: lambda fn: (fn.logits, ()),
    counts.Binomial: lambda fn: (fn.logits, (fn.total_count,)),
    counts.Geometric: lambda fn: (fn.logits, ()),
    counts.NegativeBinomial: lambda fn: (fn.logits, (fn.total_count,)),
    counts.Poisson: lambda fn: (fn.rate.log(), ()),
    dist.Exponential: lambda fn: (fn.rate.log(), ()),
    dist.Gamma: lambda fn: (fn.rate.log(), (fn.concentration,)),
    continuous.Weibull: lambda fn: (fn.scale.log(), (fn.concentration,)),
}

_PRIORS = {kind: _FAMILIES[kind] for kind in (dist.Normal, dist.Laplace)}


def concave(read: Callable[[Tensor], Reading], z: Tensor, target: Target) -> bool:
    """Return whether a log density is known to be concave in `z`; False where nothing is known.

    Args:
        read: `z` -> a reading of the model there.
        z: a point, `D`, of the dtype and device of the others.
        target: the log density, of the likelihood or the joint one.
    """
    source = torch.Generator().manual_seed(0)
    points = torch.randn(PAIRS, 2, len(z), generator=source, dtype=torch.float64).to(z)
    origin = _moving(read(torch.zeros_like(z)), target)
    if origin is None:
        return False
    pairs = 1 if len(origin[0]) >= MANY else PAIRS
    for a, b in points[:pairs]:
        first, second, both = (_moving(read(point), target) for point in (a, b, a + b))
        if first is None or second is None or both is None:
            return False
        straight = first[0] + second[0] - origin[0]
        if not _same(both[0], straight) or not _same(both[1], origin[1]):
            return False
    return True


def _moving(reading: Reading, target: Target) -> tuple[Tensor, Tensor] | None:
    """Return all predictors, and all that must not move, end to end; None for other families."""
    if reading.enumerated or reading.log_factors or not reading.observed:
        return None
    known = [_parts(fn, _FAMILIES) for fn, _ in reading.observed.values()]
    if target is not Target.LIKELIHOOD:
        # A normal's log density is concave in its value and its location together.
        known += [_parts(u.prior, _PRIORS) for u in reading.unknowns if u.prior is not None]
    found = [parts for parts in known if parts is not None]
    if len(found) < len(known):
        return None
    still = [part.reshape(-1) for _, parts in found for part in parts]
    moving = torch.cat([part.reshape(-1) for part, _ in found])
    return moving, torch.cat(still) if still else moving.new_zeros(0)


def _parts(fn: Any, families: Mapping[type, Callable[[Any], _Parts]]) -> _Parts | None:
    while isinstance(fn, dist.Independent | dist.MaskedDistribution | dist.ExpandedDistribution):
        fn = fn.base_dist
    kind = type(fn)
    return families[kind](fn) if kind in families else None


def _same(one: Tensor, other: Tensor) -> bool:
    scale = 1.0 + one.abs() + other.abs()
    close = 1e3 * torch.finfo(one.dtype).eps
    return one.shape == other.shape and bool(((one - other).abs() <= close * scale).all())
