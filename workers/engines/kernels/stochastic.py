"""Adam on minibatches: every step looks at a few rows of the data, drawn at random.

Robbins and Monro, A stochastic approximation method (Ann. Math. Stat. 22, 1951). The gradient of a
few rows, counted for all, is right on average, so the iterates find the maximum but for a noise
that the learning rate decides. It falls where the log density is seen not to rise any more, and the
last iterates are averaged (Polyak and Juditsky, Acceleration of stochastic approximation by
averaging, SIAM J. Control Optim. 30, 1992). All starts look at the same rows.

Shape letters: `C` starts, `D` unconstrained dimension.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import Target
from models.minibatch import MinibatchModel
from models.rows import Rows
from workers.engines.kernels.adam import AdamState, start_adam, step_adam
from workers.engines.kernels.plateau import Plateau, follow

#: The first rate.
RATE = 0.1
#: Shares of all iterations after which the rate falls and iterates are averaged at the latest; the
#: rest is left to what follows.
COOLED, AVERAGED, LAST = 0.7, 0.8, 0.9


@dataclass(frozen=True)
class StochasticState:
    """Where all starts are."""

    #: Which data are by row.
    rows: Rows
    #: `C x D` in float64.
    z: Tensor
    moments: AdamState
    plateau: Plateau
    #: `C x D`: sum of the iterates at the lowest rate, and how many they are.
    summed: Tensor
    count: int
    #: The last estimate of the log density, of the highest start.
    height: float
    iterations: int
    #: The random generator's state, bytes.
    random: Tensor
    done: bool = False

    @property
    def average(self) -> Tensor:
        """The averaged points, or the present ones where there is no average yet."""
        return self.summed / self.count if self.count else self.z


def start_stochastic(rows: Rows, z: Tensor, generator: torch.Generator) -> StochasticState:
    """Begin at `z`: `C x D`."""
    z = z.to(torch.float64)
    zero = torch.zeros_like(z)
    moments = start_adam((z,))
    return StochasticState(
        rows, z, moments, Plateau(), zero, 0, float("nan"), 0, generator.get_state()
    )


def step_stochastic(
    model: MinibatchModel,
    target: Target,
    state: StochasticState,
    size: int,
    limit: int,
    tolerance: float,
) -> StochasticState:
    """Take one step.

    Args:
        model: the rows.
        target: what is climbed.
        state: where the starts are.
        size: rows of a minibatch.
        limit: iterations at the most.
        tolerance: a smaller rise, in nats, is none.
    """
    density = model.density
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    rows = model.sample(generator, min(size, model.rows.count))
    value, slope = model.estimate(state.z.to(density.dtype), rows, target)
    usable = value.isfinite() & slope.isfinite().all(1)
    # A start that left the support stays; the next rows may take it back.
    uphill = torch.where(usable[:, None], slope.to(torch.float64), 0.0)
    share = state.iterations / max(1, limit)
    cooling = 1.0 if share < COOLED else max(0.03, (1.0 - share) / (1.0 - COOLED))
    moments, (z,) = step_adam(
        state.moments, (state.z,), (uphill,), RATE * state.plateau.factor * cooling
    )
    height = float(value[usable].max()) if bool(usable.any()) else float("nan")
    plateau = state.plateau
    if bool(usable.any()):
        plateau = follow(plateau, height, tolerance)
    state = replace(
        state,
        z=z,
        moments=moments,
        plateau=plateau,
        height=height,
        iterations=state.iterations + 1,
        random=generator.get_state(),
        done=plateau.done or state.iterations + 1 >= LAST * limit,
    )
    if state.plateau.last or share > AVERAGED:
        state = replace(state, summed=state.summed + z, count=state.count + 1)
    return state
