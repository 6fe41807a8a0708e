"""Stein variational gradient descent: particles that move to the posterior and keep apart.

Liu and Wang, Stein variational gradient descent: a general purpose Bayesian inference algorithm
(2016). All particles are one batch. They start as draws of the normal that a climb to the mode has
found, and move in its frame, by Adam along the direction that lowers Stein's discrepancy fastest.
The rate falls where the direction shrinks no longer, and the run ends where it is next to nothing.

In many dimensions the particles lie too close together (Ba et al., Understanding the variance
collapse of SVGD in high dimensions, 2022). With this width the kernel between two particles is
about one over their number, so a particle that its own gradient pulls by `x` is pushed by
`2 x / h`: it rests where `h = 2`, with `log(particles) / unknowns` of the variance that it should
have. So more particles hardly help. The result says how wide they lie, by Stein's identity, and
warns.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.engine import VECTORS, AbstractEngine, Draws, EngineOptions, Info
from workers.engines.kernels.adam import AdamState, start_adam, step_adam
from workers.engines.kernels.ascent import HESSIAN_LIMIT
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide
from workers.engines.kernels.guides import FullRank, MeanField
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.plateau import Plateau, follow
from workers.engines.kernels.seek import CLIMB, POLISH, SeekState, start_seek, step_seek
from workers.engines.kernels.stein import spread, stein
from workers.results import Diagnostics, Findings, Outcome, SteinResult, Warning
from workers.summaries import summarize

#: Rows of the climb to the mode.
PATHS = 16
#: The trace has a point for every so many steps, and no more than `LONGEST` points.
TRACE_EVERY, LONGEST = 10, 2000
#: How often a particle that starts where there is no gradient is put half as far from the centre.
HALVINGS = 50
#: The share by which the direction shrinks over 100 steps that is too little for the present rate.
LITTLE = 0.1
#: A share of the variance below which the particles are said to lie too close together.
CLOSE = 0.8


class SvgdOptions(EngineOptions):
    """Options of `svgd`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "svgd", "particles": 200}]})

    kind: Literal["svgd"] = "svgd"
    particles: int = Field(
        default=100,
        ge=2,
        le=4096,
        description="Points that move; they are the result's draws. Work grows with their square.",
    )
    steps: int = Field(
        default=5000, ge=1, le=10_000_000, description="Steps at the most; it stops by itself."
    )
    learning_rate: float = Field(
        default=0.05,
        gt=0.0,
        le=10.0,
        description="A step at the start, in posterior standard deviations; it falls later.",
    )
    tolerance: float = Field(
        default=1e-3,
        gt=0.0,
        description="Converged when particles are told to move by less than this in the root mean "
        "square, in posterior standard deviations.",
    )

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return the bytes of the particles and of the kernel between them."""
        return {"engine.particles": self.particles * (8 * (VECTORS * dim + self.particles) + point)}


@dataclass(frozen=True)
class Swarm:
    """Particles and what moves them."""

    #: `S x D`, and the gradient of the log density there.
    w: Tensor
    score: Tensor
    adam: AdamState


@dataclass(frozen=True)
class SvgdState:
    """All that moves: the checkpoint."""

    seek: SeekState
    #: The particles in the frame's coordinates; None before the climb is over.
    swarm: Swarm | None
    plateau: Plateau
    #: The random generator's state, bytes.
    random: Tensor
    done: int = 0
    steps: int = 0
    trace: tuple[tuple[int, float], ...] = ()
    #: At the last step: what as many independent draws would have, and how wide the particles lie.
    independent: float | None = None
    spread: float | None = None
    outcome: Outcome | None = None
    #: Whether the particles are handed on.
    drawn: bool = False


class Svgd(AbstractEngine[SvgdOptions, SvgdState]):
    """Particles along the kernelised Wasserstein gradient of the divergence."""

    kind: ClassVar[str] = "svgd"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> SvgdState:
        point = find_initial(density, generator, PATHS)
        seek = start_seek(density, _guide(density), point.z)
        return SvgdState(seek, None, Plateau(), generator.get_state())

    def step(self, density: AbstractLogDensity, state: SvgdState) -> tuple[SvgdState, Info]:
        draws, point, swarm = None, None, state.swarm
        if swarm is None:
            state = self._seek(density, state)
        elif state.outcome is None:
            state, point = self._move(density, state, swarm)
        else:
            draws = _frame(density, state).place(swarm.w)[None]
            state = replace(state, drawn=True)
        state = replace(state, done=state.done + 1)
        total = CLIMB + POLISH + self.options.steps + 1
        if state.outcome is not None:
            total = state.done + (not state.drawn)
        progress = {"discrepancy": point[1]} if point else {}
        phase = "fit" if draws is None else "draw"
        return state, Info(phase, state.done, total, draws=draws, progress=progress)

    def done(self, state: SvgdState) -> Outcome | None:
        over = state.drawn or state.outcome == Outcome.NON_FINITE
        return state.outcome if over else None

    def finish(
        self, density: AbstractLogDensity, state: SvgdState, outcome: Outcome, draws: Draws
    ) -> Findings:
        trace = state.trace
        found = SteinResult(
            trace=[value for _, value in trace],
            steps=[step for step, _ in trace],
            final=trace[-1][1] if trace else None,
            independent=state.independent,
            spread=state.spread,
        )
        return Findings(
            outcome=outcome,
            message=outcome.sentence,
            summary=summarize(draws),
            diagnostics=Diagnostics(warnings=self._warnings(density, state)),
            stein=found,
        )

    def _seek(self, density: AbstractLogDensity, state: SvgdState) -> SvgdState:
        generator = torch.Generator(density.device)
        generator.set_state(state.random)
        seek = step_seek(density, _guide(density), state.seek, generator)
        state = replace(state, seek=seek)
        if seek.done:
            swarm = self._swarm(density, _frame(density, state), generator)
            lost = not bool(swarm.score.isfinite().all())
            state = replace(state, swarm=swarm, outcome=Outcome.NON_FINITE if lost else None)
        return replace(state, random=generator.get_state())

    def _swarm(
        self, density: AbstractLogDensity, frame: Frame, generator: torch.Generator
    ) -> Swarm:
        """Draw from the normal that the climb has found, nearer where the density ends."""
        shape = (self.options.particles, density.dim)
        w = torch.randn(shape, generator=generator, dtype=torch.float64, device=density.device)
        w = w.to(density.dtype)
        score = _score(density, frame, w)
        for _ in range(HALVINGS):
            outside = ~score.isfinite().all(1)
            if not bool(outside.any()):
                break
            w = torch.where(outside[:, None], 0.5 * w, w)
            score = _score(density, frame, w)
        return Swarm(w, score, start_adam((w,)))

    def _move(
        self, density: AbstractLogDensity, state: SvgdState, swarm: Swarm
    ) -> tuple[SvgdState, tuple[int, float] | None]:
        found = stein(swarm.w, swarm.score)
        rate = self.options.learning_rate * state.plateau.factor
        adam, (moved,) = step_adam(swarm.adam, (swarm.w,), (found.direction,), rate)
        fresh = _score(density, _frame(density, state), moved)
        # A particle stays where its step would leave the support.
        inside = fresh.isfinite().all(1, keepdim=True)
        w, score = torch.where(inside, moved, swarm.w), torch.where(inside, fresh, swarm.score)
        size = float(found.direction.square().mean().sqrt())
        plateau = state.plateau
        if not plateau.last:
            plateau = follow(plateau, -math.log(max(size, sys.float_info.min)), LITTLE)
        steps = state.steps + 1
        state = replace(state, swarm=Swarm(w, score, adam), plateau=plateau, steps=steps)
        state = replace(state, outcome=self._end(state, size))
        every = max(TRACE_EVERY, self.options.steps // LONGEST)
        if state.outcome is None and steps % every and steps > 1:
            return state, None
        point = (steps, found.discrepancy)
        wide = spread(swarm.w, swarm.score)
        trace = (*state.trace, point)
        return replace(state, trace=trace, independent=found.independent, spread=wide), point

    def _end(self, state: SvgdState, size: float) -> Outcome | None:
        if size <= self.options.tolerance:
            return Outcome.CONVERGED
        return Outcome.MAX_ITERATIONS if state.steps >= self.options.steps else None

    def _warnings(self, density: AbstractLogDensity, state: SvgdState) -> list[Warning]:
        if state.spread is None or state.spread >= CLOSE:
            return []
        return [
            Warning(
                code="particles_close",
                message="The particles lie too close together: their variances are about "
                f"{100 * state.spread:.0f} % of the posterior's. So it is unless there are far "
                f"fewer unknowns ({density.dim}) than the logarithm of the particles "
                f"({math.log(self.options.particles):.1f}), so more particles hardly help. Use vi "
                "or nuts for spreads.",
            )
        ]


def _guide(density: AbstractLogDensity) -> AbstractGuide:
    """Return the normal that particles start from: the kernel is round, so the frame should be."""
    return FullRank() if density.dim <= HESSIAN_LIMIT else MeanField()


def _score(density: AbstractLogDensity, frame: Frame, w: Tensor) -> Tensor:
    """Return the gradient of the log density, `S x D`; NaN where there is no density."""
    value, gradient = density.value_and_grad(frame.place(w), Target.POSTERIOR)
    return frame.pull(gradient).masked_fill(~value.isfinite()[:, None], torch.nan)


def _frame(density: AbstractLogDensity, state: SvgdState) -> Frame:
    return state.seek.frame.to(density.dtype)
