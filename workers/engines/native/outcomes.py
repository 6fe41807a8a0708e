"""What native transitions start from and give."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from workers.engines.kernels.initial import Point


class Averaging(NamedTuple):
    """Dual averaging of step sizes, a state per chain: `C` each, in float64 unless said otherwise.

    The fields are those of `kernels.dual_averaging.DualAveraging`, but every chain has a count of
    its own, `updates`.
    """

    log_step: Tensor
    log_average: Tensor
    error: Tensor
    mu: Tensor
    #: In int64.
    updates: Tensor


@dataclass(frozen=True)
class Move:
    """One transition of given length of every chain."""

    point: Point
    #: `C`: `min(1, exp(gain))`, 0 where the gain is not finite.
    acceptance: Tensor
    #: `C`: the energy error went out of bounds.
    divergent: Tensor
    #: `C`: the Hamiltonian at the point kept.
    energy: Tensor
    #: `C x D`: the end of every trajectory and the whitened momentum there, if asked for.
    proposal: Tensor | None
    proposal_momentum: Tensor | None


@dataclass(frozen=True)
class Moves:
    """`K` transitions of every chain: what the next call needs, and what they gave."""

    point: Point
    #: `C x 4` words of every chain's randomness, as int64.
    streams: Tensor
    #: `None` where step sizes were fixed.
    averaging: Averaging | None
    #: `C x K x D`.
    draws: Tensor
    #: `C x K` each: of the draws; the mean acceptance over the leaves; the Hamiltonian at the draw.
    log_density: Tensor
    acceptance: Tensor
    energy: Tensor
    #: `C x K` each: doublings completed; gradients used; whether the energy error went too far.
    tree_depth: Tensor
    leapfrogs: Tensor
    divergent: Tensor
