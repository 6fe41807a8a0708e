"""Climbing to a maximum: an optimiser from every start, then Newton's method at the highest point.

The optimiser, L-BFGS unless another is asked for, finds the way from far off and Newton's method,
which does not mind badly scaled data, finds the top to the last digits where the Hessian is
affordable.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from workers.engines.kernels.newton import NewtonState, step_newton
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import Climbers
from workers.engines.kernels.optimizers import OPTIMIZERS, OptimizerName
from workers.engines.kernels.verdict import Verdict, at_edge, judge, judge_without_hessian, ran_away
from workers.results import Outcome

#: The most coordinates for which a Hessian is computed.
HESSIAN_LIMIT = 1000
#: Where Newton's method follows, the climb need not gain less than this, in nats.
HANDOVER = 1e-6
#: Where a Hessian is cheap it follows earlier, if there is one start and no rank among several.
EARLY_HANDOVER = 1e-2
#: A row has arrived after so many iterations in a row that gained nearly nothing.
QUIET = 3


class Patience(Protocol):
    """How long to climb."""

    @property
    def max_iterations(self) -> int:
        """Iterations in all."""

    @property
    def tolerance(self) -> float:
        """Nats that one more step must promise for the climb to go on."""


@dataclass(frozen=True)
class AscentState:
    """All `C` starts, and the highest one once they have come to rest."""

    rows: Climbers
    optimizer: OptimizerName
    #: `C`: iterations in a row that gained nearly nothing.
    quiet: Tensor
    #: `C`: iterations spent at the edge of a parameter's support.
    edge: Tensor
    #: Newton's method at the best row; None before.
    top: NewtonState | None
    iterations: int
    #: What came out; None while the climb goes on.
    verdict: Verdict | None

    @property
    def best(self) -> int:
        """The row that stands highest."""
        return int(self.rows.value.argmin())

    @property
    def height(self) -> float:
        """The log density of the highest point so far."""
        value = self.rows.value[self.best] if self.top is None else self.top.value
        return -float(value)


def start_ascent(
    objective: Objective, z: Tensor, optimizer: OptimizerName = "lbfgs"
) -> AscentState:
    """Begin at `z`: `C x D`."""
    rows = OPTIMIZERS[optimizer].start(objective, z.to(torch.float64))
    none = torch.zeros_like(rows.value)
    return AscentState(rows, optimizer, none, none, None, 0, None)


def top_at_best(objective: Objective, state: AscentState) -> AscentState:
    """Return the climb with Newton's method begun at the highest row."""
    best, rows = state.best, state.rows
    z = rows.z[best]
    top = NewtonState(z, rows.value[best], rows.gradient[best], objective.hessian(z))
    return replace(state, top=top)


def step_ascent(objective: Objective, state: AscentState, options: Patience) -> AscentState:
    """Advance by one iteration: every row by its optimiser, or the highest by Newton's."""
    advance = _climb if state.top is None else _polish
    stepped = advance(objective, state, options)
    if stepped.verdict is None and stepped.iterations >= options.max_iterations:
        return replace(stepped, verdict=Verdict(Outcome.MAX_ITERATIONS))
    return stepped


def _climb(objective: Objective, state: AscentState, options: Patience) -> AscentState:
    exact = objective.density.dim <= HESSIAN_LIMIT
    early = exact and len(state.rows.z) == 1 and objective.curves_cheaply
    handover = EARLY_HANDOVER if early else HANDOVER
    still = max(options.tolerance, handover) if exact else options.tolerance
    patience = 1 if early else QUIET
    active = (state.quiet < patience) & ~state.rows.stuck
    rows = OPTIMIZERS[state.optimizer].step(objective, state.rows, active)
    small = rows.gain <= still + objective.noise(rows.value) * 1e-2
    quiet = torch.where(active, torch.where(small, state.quiet + 1, 0 * state.quiet), state.quiet)
    edge = state.edge + at_edge(objective.density, rows.z)
    state = replace(state, rows=rows, quiet=quiet, edge=edge, iterations=state.iterations + 1)
    away = ran_away(objective.density, rows, edge)
    if away is not None:
        return replace(state, verdict=away)
    if bool(((quiet < patience) & ~rows.stuck).any()):
        return state
    if exact:
        return top_at_best(objective, state)
    return replace(state, verdict=judge_without_hessian(objective, rows, state.best))


def _polish(objective: Objective, state: AscentState, options: Patience) -> AscentState:
    assert state.top is not None
    top = step_newton(objective, state.top, options.tolerance)
    done = top.converged or top.stuck
    return replace(
        state,
        top=top,
        iterations=state.iterations + 1,
        verdict=judge(objective, top) if done else None,
    )
