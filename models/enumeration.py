"""Sum discrete latents out of a product of log factors, exactly.

A discrete latent that a model does not observe is not sampled: every factor is evaluated at all of
its values, along a dimension of its own to the left of the plates, and the product of the factors
is summed over that dimension. This is variable elimination over plated factor graphs (Obermeyer et
al. 2019, "Tensor variable elimination for plated factor graphs"), greedy in the order. It is ours
and not Pyro's because Pyro's contraction uses an autograd function that cannot be batched by vmap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.errors import NotSummableError

#: A plate: its name (the dimension itself for a batch dimension without a plate) and dimension.
Plate = tuple[str, int]


@dataclass(frozen=True)
class Factor:
    """A log factor with the plates and the enumerated latents that it runs over."""

    name: str
    #: Enumeration dimensions to the left, then batch dimensions; dimensions count from the right.
    value: Tensor
    plates: frozenset[Plate]
    #: Dimensions of the enumerated latents that this factor depends on.
    latents: frozenset[int]


@dataclass(frozen=True)
class Enumerated:
    """A discrete latent to be summed out."""

    name: str
    #: The dimension of its values, left of every plate.
    dim: int
    plates: frozenset[Plate]


def sum_out(factors: Iterable[Factor], latents: Iterable[Enumerated]) -> list[Factor]:
    """Return factors without enumerated latents whose product is the given ones' marginal.

    Raises:
        NotSummableError: two latents of different plates meet in one factor, so that the sum does
            not factorise over the plates.
    """
    remaining, pending = list(factors), list(latents)
    while pending:
        latent = min(pending, key=lambda candidate: _cost(candidate, remaining))
        pending.remove(latent)
        touching = [f for f in remaining if latent.dim in f.latents]
        remaining = [f for f in remaining if latent.dim not in f.latents]
        if touching:
            remaining.append(_eliminate(latent, touching, pending))
    return remaining


def _cost(latent: Enumerated, factors: Sequence[Factor]) -> tuple[int, int]:
    """Deepest plates first, then the latent whose elimination makes the smallest factor."""
    joint = {d for f in factors if latent.dim in f.latents for d in f.latents}
    return -len(latent.plates), len(joint)


def _eliminate(
    latent: Enumerated, touching: Sequence[Factor], pending: Sequence[Enumerated]
) -> Factor:
    for factor in touching:
        _check_nested(latent, factor, pending)
    reduced = [_reduce_plates(factor, factor.plates - latent.plates) for factor in touching]
    total = reduced[0].value
    for factor in reduced[1:]:
        total = total + factor.value
    return Factor(
        name=" and ".join(dict.fromkeys(f.name for f in touching if f.name != latent.name))
        or latent.name,
        value=torch.logsumexp(total, latent.dim, keepdim=True),
        plates=latent.plates,
        latents=frozenset().union(*(f.latents for f in reduced)) - {latent.dim},
    )


def _check_nested(latent: Enumerated, factor: Factor, pending: Sequence[Enumerated]) -> None:
    for other in pending:
        if other.dim in factor.latents and not other.plates <= latent.plates:
            raise NotSummableError(
                "model",
                f"the discrete latents '{latent.name}' and '{other.name}' meet in '{factor.name}' "
                "but live in different plates, so they cannot be summed out; put one of them "
                "outside the other's plate, or marginalise by hand with MixtureSameFamily",
            )


def _reduce_plates(factor: Factor, plates: frozenset[Plate]) -> Factor:
    """Multiply a factor over plates, that is: sum its logarithm."""
    dims = [dim for _, dim in plates if -dim <= factor.value.dim()]
    value = factor.value.sum(dims, keepdim=True) if dims else factor.value
    return Factor(factor.name, value, factor.plates - plates, factor.latents)
