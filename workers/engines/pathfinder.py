"""Pathfinder: the best normal approximation along an ascent, over several ascents.

Zhang, Carpenter, Gelman and Vehtari, Pathfinder: parallel quasi-Newton variational inference (JMLR
23, 2022). Every path gives a normal; draws of all of them are weighed by the posterior and drawn
from anew (algorithm 2, multi-path), so that a path that led to where little mass lies has no say.
The weights are relative to the mixture of the normals, not each to its own as in the paper: paths
that found different modes then add up to the evidence, and those that found one share it. They are
Pareto-smoothed, and their k says how good the result is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.engine import VECTORS, AbstractEngine, Draws, EngineOptions, Info
from workers.engines.kernels.approximation import JUDGED_BY, conclude
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.inverse_hessian import Normals
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.pareto import smoothed
from workers.engines.kernels.paths import (
    Best,
    Climb,
    approximations,
    start_climb,
    step_climb,
)
from workers.results import Findings, Outcome

#: Draws for the ELBO of an approximation, and draws of all paths in one step, about.
SAMPLES, BLOCK = 32, 500
#: The gain of an iteration, in nats, below which an ascent is over.
LITTLE = 1e-4


class PathfinderOptions(EngineOptions):
    """Options of `pathfinder`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "pathfinder", "paths": 8, "draws": 2000}]}
    )

    kind: Literal["pathfinder"] = "pathfinder"
    draws: int = Field(
        default=1000,
        ge=1,
        le=10_000_000,
        description="Draws of the result, taken from those of all paths by importance.",
    )
    paths: int = Field(
        default=4, ge=1, le=1000, description="Ascents; each begins at another draw of the prior."
    )
    max_iterations: int = Field(
        default=1000, ge=1, le=1_000_000, description="Iterations of an ascent at the most."
    )

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return the bytes of the paths."""
        return {"engine.paths": self.paths * (8 * VECTORS * dim + point)}


@dataclass(frozen=True)
class PathfinderState:
    """All that moves: the checkpoint."""

    climb: Climb
    #: None before the ascents are over.
    best: Best | None
    #: Draws of the paths' normals so far, `S x D`, and their log importance weights, `S`.
    candidates: Tensor
    weights: Tensor
    #: Whether the result's draws are made.
    drawn: bool
    #: The random generator's state, bytes.
    random: Tensor
    iterations: int = 0


class Pathfinder(AbstractEngine[PathfinderOptions, PathfinderState]):
    """Multi-path Pathfinder with importance resampling."""

    kind: ClassVar[str] = "pathfinder"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> PathfinderState:
        point = find_initial(density, generator, self.options.paths, "pathfinder")
        empty = torch.empty(0, density.dim, dtype=torch.float64, device=density.device)
        climb = start_climb(self._objective(density), point.z)
        return PathfinderState(climb, None, empty, empty.sum(1), False, generator.get_state())

    def step(
        self, density: AbstractLogDensity, state: PathfinderState
    ) -> tuple[PathfinderState, Info]:
        generator = torch.Generator(density.device)
        generator.set_state(state.random)
        draws = None
        if state.best is None:
            state = self._ascend(density, state, generator)
        elif len(state.weights) < self._wanted and bool(state.best.elbo.isfinite().any()):
            state = _sampled(density, state, state.best, generator)
        else:
            state, draws = self._resample(density, state, generator)
        state = replace(state, random=generator.get_state())
        done = state.iterations + len(state.weights) // BLOCK
        total = state.iterations + math.ceil(self._wanted / BLOCK) + 1
        if state.best is None:
            total += self.options.max_iterations - state.iterations
        phase = "optimize" if state.best is None else "draw"
        return state, Info(phase, min(done + state.drawn, total), total, draws=draws)

    def done(self, state: PathfinderState) -> Outcome | None:
        if not state.drawn:
            return None
        found = state.best is not None and bool(state.best.elbo.isfinite().any())
        return Outcome.COMPLETED if found else Outcome.NON_FINITE

    def finish(
        self, density: AbstractLogDensity, state: PathfinderState, outcome: Outcome, draws: Draws
    ) -> Findings:
        elbos = [] if state.best is None else state.best.elbo.tolist()
        paths = [elbo if math.isfinite(elbo) else None for elbo in sorted(elbos, reverse=True)]
        return conclude(outcome, outcome.sentence, state.weights, paths, draws)

    @property
    def _wanted(self) -> int:
        """Draws of all paths together."""
        return max(self.options.draws, JUDGED_BY)

    def _objective(self, density: AbstractLogDensity) -> Objective:
        return Objective(density, Target.POSTERIOR, self.options.paths)

    def _ascend(
        self, density: AbstractLogDensity, state: PathfinderState, generator: torch.Generator
    ) -> PathfinderState:
        objective = self._objective(density)
        iterations = state.iterations + 1
        climb = state.climb if state.climb.over else step_climb(objective, state.climb, LITTLE)
        if not climb.over and iterations < self.options.max_iterations:
            return replace(state, climb=climb, iterations=iterations)
        best = approximations(objective, climb, SAMPLES, generator)
        return replace(state, climb=climb, best=best, iterations=iterations)

    def _resample(
        self, density: AbstractLogDensity, state: PathfinderState, generator: torch.Generator
    ) -> tuple[PathfinderState, Tensor | None]:
        """Draw the result's draws from the candidates, by their smoothed weights."""
        state = replace(state, drawn=True)
        if not bool(state.weights.isfinite().any()):
            return state, None
        shares = smoothed(state.weights)
        row = torch.multinomial(shares, self.options.draws, replacement=True, generator=generator)
        return state, state.candidates[row][None].to(density.dtype)


def _sampled(
    density: AbstractLogDensity, state: PathfinderState, best: Best, generator: torch.Generator
) -> PathfinderState:
    """Return the state with a block of draws of every path; a path that failed makes none."""
    normal = best.normal[best.elbo.isfinite()]
    paths, dim = normal.mean.shape
    u = torch.randn(
        paths, _rows(paths), dim, generator=generator, dtype=torch.float64, device=density.device
    )
    x = normal.draw(u)[0].flatten(0, 1)
    value, _ = density.value_and_grad(x.to(density.dtype))
    weights = value - _mixture(normal, x)
    return replace(
        state,
        candidates=torch.cat([state.candidates, x]),
        weights=torch.cat([state.weights, weights.nan_to_num(-torch.inf, -torch.inf)]),
    )


def _rows(paths: int) -> int:
    """Return the draws of each path in a step."""
    return math.ceil(BLOCK / paths)


def _mixture(normal: Normals, x: Tensor) -> Tensor:
    """Return the log density, `S`, of the paths' normals in equal shares at points `S x D`."""
    total = torch.full((len(x),), -torch.inf, dtype=x.dtype, device=x.device)
    for path in range(len(normal.mean)):
        total = torch.logaddexp(total, normal[path : path + 1].log_density(x)[0])
    return total - math.log(len(normal.mean))
