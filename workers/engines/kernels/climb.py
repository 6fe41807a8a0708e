"""The way to a maximum, of the whole likelihood at once or of minibatches first.

With minibatches the way from far off is stochastic (`stochastic`); the rest, Newton's method at the
averaged point, what kind of point it is and how well it is determined, takes the whole likelihood,
which is added up block by block (`models.blocks`).
"""

from dataclasses import dataclass, replace

import torch

from models.density import AbstractLogDensity, Target
from workers.engines.engine import Info
from workers.engines.kernels.approach import begin_ascent
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState, step_ascent
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.minibatches import in_blocks, model_of, rows_of
from workers.engines.kernels.newton import start_newton
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import Descent
from workers.engines.kernels.stochastic import (
    StochasticState,
    start_stochastic,
    step_stochastic,
)
from workers.engines.kernels.verdict import Verdict
from workers.results import Outcome


@dataclass(frozen=True)
class ClimbState:
    """A climb; one of the two is there at least."""

    stochastic: StochasticState | None
    #: None while minibatches are climbed.
    ascent: AscentState | None

    @property
    def iterations(self) -> int:
        """Iterations made."""
        if self.ascent is not None:
            return self.ascent.iterations
        assert self.stochastic is not None
        return self.stochastic.iterations

    @property
    def verdict(self) -> Verdict | None:
        """How it ended; None while it goes on."""
        return None if self.ascent is None else self.ascent.verdict

    @property
    def height(self) -> float:
        """The log density of the highest point, estimated on the way."""
        if self.ascent is not None:
            return self.ascent.height
        assert self.stochastic is not None
        return self.stochastic.height


def start_climb(
    density: AbstractLogDensity,
    generator: torch.Generator,
    target: Target,
    options: AbstractAscentOptions,
) -> ClimbState:
    """Begin at starts drawn from the prior.

    Raises:
        NoInitialPointError: some start found no finite point.
        ModelError: the model cannot be climbed with these options.
    """
    options.check(density.dim)
    options.check_parameters(density.parameters)
    if options.minibatch is None:
        point = find_initial(density, generator, options.restarts, target=target)
        objective = Objective(density, target, options.restarts)
        return ClimbState(None, begin_ascent(objective, point.z, options.optimizer))
    rows = rows_of(density)
    model = model_of(density, rows)
    some = model.bound(next(model.blocks(min(options.minibatch, rows.count))))
    point = find_initial(some, generator, options.restarts, target=target)
    return ClimbState(start_stochastic(rows, point.z, generator), None)


def step_climb(
    density: AbstractLogDensity, state: ClimbState, target: Target, options: AbstractAscentOptions
) -> ClimbState:
    """Advance by one iteration."""
    if state.ascent is not None:
        objective = Objective(whole(density, state, options), target, options.restarts)
        return replace(state, ascent=step_ascent(objective, state.ascent, options))
    assert state.stochastic is not None
    assert options.minibatch is not None
    model = model_of(density, state.stochastic.rows)
    stepped = step_stochastic(
        model,
        target,
        state.stochastic,
        options.minibatch,
        options.max_iterations,
        options.tolerance,
    )
    if not stepped.done:
        return replace(state, stochastic=stepped)
    objective = Objective(whole(density, state, options), target)
    return ClimbState(stepped, _arrived(objective, stepped))


def whole(
    density: AbstractLogDensity, state: ClimbState, options: AbstractAscentOptions
) -> AbstractLogDensity:
    """Return the density of all rows: block by block where minibatches are climbed."""
    if state.stochastic is None or options.minibatch is None:
        return density
    return in_blocks(density, state.stochastic.rows, options.minibatch)


def stopped(density: AbstractLogDensity, target: Target, state: ClimbState) -> AscentState:
    """Return a climb that was stopped among its minibatches as one of the whole likelihood."""
    assert state.stochastic is not None
    return _rows(Objective(density, target), state.stochastic)


def climb_info(state: ClimbState, options: AbstractAscentOptions) -> Info:
    """Return what a reader is told of a climb's last step."""
    return Info(
        phase="optimize",
        done=state.iterations,
        total=options.max_iterations if state.verdict is None else state.iterations,
        progress={"log_density": state.height},
    )


def _rows(objective: Objective, state: StochasticState) -> AscentState:
    z = state.average
    value, gradient = objective(z)
    level = torch.zeros_like(value)
    rows = Descent(z, value, gradient, level, level, ~value.isfinite(), level)
    return AscentState(rows, "adam", level, level, None, state.iterations, None)


def _arrived(objective: Objective, state: StochasticState) -> AscentState:
    """Take the averaged points to the whole likelihood."""
    ascent = _rows(objective, state)
    if objective.density.dim <= HESSIAN_LIMIT:
        return replace(ascent, top=start_newton(objective, ascent.rows.z[ascent.best]))
    # Without a Hessian only the estimates themselves say whether they still rose.
    outcome = Outcome.CONVERGED if state.plateau.done else Outcome.MAX_ITERATIONS
    return replace(ascent, verdict=Verdict(outcome))
