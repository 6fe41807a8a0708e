"""What transitions of a crowd in step give."""

from dataclasses import dataclass

from torch import Tensor

from workers.engines.kernels.initial import Point
from workers.engines.kernels.pace import Pace


@dataclass(frozen=True)
class Steps:
    """`K` transitions of chains in step: where they are, what they learnt, what they did."""

    point: Point
    #: What was learnt; as it was where nothing was to be.
    pace: Pace
    #: `C x K x D`; gradients there if asked for.
    draws: Tensor
    gradients: Tensor | None
    #: `C x K` each: of the draws; `min(1, exp(gain))`; the Hamiltonian at the draw.
    log_density: Tensor
    acceptance: Tensor
    energy: Tensor
    #: `C x K`: the energy error went out of bounds.
    divergent: Tensor
    #: `K`: of every chain.
    leapfrogs: Tensor
