"""From the first normal to nearly the best one: the ELBO of independent normals on fixed noise.

With the noise held fixed the ELBO is a deterministic function of location and scale, and
quasi-Newton steps follow its ridges. Stochastic steps cannot: along a ridge, as between a
hierarchy's log scale and the widths of what it scales, the gradient is small against its own noise,
and the trace looks level long before its end. Giordano, Ingram and Broderick, Black box variational
inference with a deterministic objective, JMLR 25 (2024).

The optimum of a fixed sample is not that of the ELBO, so it is only where stochastic ascent begins.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import standard_normal
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.objective import log_density

#: Draws held fixed, in antithetic pairs.
FIXED = 64
#: Iterations at the most, and the gain, in nats, at which they end: well under what a fixed sample
#: is off by.
SETTLE, REST = 60, 1e-3
#: Where a log scale ends further from its frame's than this, the climb goes on in a new frame.
UNLIKE = 1.0


@dataclass(frozen=True)
class FixedElbo:
    """Minus the ELBO, without its constant, on fixed noise in a frame's coordinates."""

    density: AbstractLogDensity
    frame: Frame
    #: `S x D`.
    noise: Tensor
    #: Rows of one evaluation of the density.
    batch: int

    def __call__(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective, `1`, and its gradient, at `parameters`: `1 x 2D`.

        The parameters are location and log scale. Where a draw has no density it is `+inf`.
        """
        guide = MeanField()
        loc, log_scale = parameters[0].chunk(2)
        z = self.frame.place(guide.place((loc, log_scale), self.noise))
        value, uphill = log_density(self.density, z, Target.POSTERIOR, self.batch)
        uphill = self.frame.pull(uphill)
        slope = torch.cat(guide.pull((loc, log_scale), self.noise, uphill))
        elbo = value.mean() + log_scale.sum()
        usable = bool(elbo.isfinite() & slope.isfinite().all())
        objective = -elbo if usable else torch.full_like(elbo, torch.inf)
        return objective[None], (-slope).nan_to_num(0.0, 0.0, 0.0)[None]

    @property
    def origin(self) -> Tensor:
        """The parameters of the standard normal in the frame: `1 x 2D`."""
        return torch.zeros_like(self.frame.centre).repeat(2)[None]


@dataclass(frozen=True)
class SettleState:
    """A climb over location and log scale."""

    #: Where it began, and the coordinates of the present climb, both in float64.
    first: Frame
    frame: Frame
    noise: Tensor
    row: LbfgsState
    iterations: int = 0
    done: bool = False

    @property
    def reached(self) -> Frame:
        """The frame of the normal where the climb stands."""
        loc, log_scale = self.row.z[0].chunk(2)
        return self.frame.moved(loc, log_scale.exp())


def start_settle(
    density: AbstractLogDensity, frame: Frame, generator: torch.Generator, batch: int
) -> SettleState:
    """Begin at the standard normal in `frame`, a frame in float64."""
    noise = standard_normal(generator, FIXED, frame.centre)
    objective = FixedElbo(density, frame, noise, batch)
    return SettleState(frame, frame, noise, start_lbfgs(objective, objective.origin))


def step_settle(density: AbstractLogDensity, state: SettleState, batch: int) -> SettleState:
    """Make one quasi-Newton step; where it rests on scales unlike the frame's, change frames."""
    objective = FixedElbo(density, state.frame, state.noise, batch)
    row = step_lbfgs(objective, state.row, ~state.row.stuck)
    state = replace(state, row=row, iterations=state.iterations + 1)
    if state.iterations >= SETTLE:
        return replace(state, done=True)
    if not bool(row.stuck[0]) and float(row.gain[0]) >= REST:
        return state
    _, log_scale = row.z[0].chunk(2)
    if float(log_scale.abs().max()) <= UNLIKE:
        return replace(state, done=True)
    onward = replace(objective, frame=state.reached)
    return replace(state, frame=onward.frame, row=start_lbfgs(onward, onward.origin))


def settled(
    density: AbstractLogDensity, state: SettleState, generator: torch.Generator, batch: int
) -> Frame:
    """Return the frame of the normal reached, or the first one where fresh noise prefers that."""
    noise = standard_normal(generator, FIXED, state.first.centre)
    before, after = (
        float(objective(objective.origin)[0]) - float(objective.frame.log_det())
        for objective in (
            FixedElbo(density, frame, noise, batch) for frame in (state.first, state.reached)
        )
    )
    return state.reached if after < before else state.first
