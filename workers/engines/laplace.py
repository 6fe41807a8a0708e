"""The Laplace approximation: a normal with the posterior's mode and its curvature there.

The second-order Taylor polynomial of the log density at the mode, on the unconstrained scale and
with the Jacobian, is the log density of a normal whose covariance is the inverse of minus the
Hessian; its integral is the evidence. Tierney and Kadane, Accurate approximations for posterior
moments and marginal densities (JASA 81, 1986). Importance weights of its draws say how good it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from models.density import AbstractLogDensity, Target
from models.errors import TooLargeError
from workers.engines.engine import VECTORS, AbstractEngine, Draws, EngineOptions, Info, Plates
from workers.engines.kernels.approximation import BLOCK, JUDGED_BY, conclude
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState, start_ascent, step_ascent
from workers.engines.kernels.ascent_report import climb_message, heights
from workers.engines.kernels.entries import entry_names
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.spectrum import spectrum
from workers.engines.kernels.verdict import Verdict
from workers.results import Findings, Outcome
from workers.summaries import listed

#: Coordinates up to which the covariance is reported.
SHOWN = 100


class LaplaceOptions(EngineOptions):
    """Options of `laplace`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "laplace", "draws": 2000}]})

    kind: Literal["laplace"] = "laplace"
    draws: int = Field(
        default=1000, ge=1, le=10_000_000, description="Draws from the approximation."
    )
    paths: int = Field(
        default=4, ge=1, le=1000, description="Starting points; the highest mode is taken."
    )
    max_iterations: int = Field(2000, ge=1, le=1_000_000, description="Iterations of the climb.")
    tolerance: float = Field(
        1e-10,
        gt=0,
        le=1,
        description="Stop climbing when one more step promises less than this, in nats.",
    )

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return the bytes of the points that climb."""
        return {"engine.paths": self.paths * (8 * VECTORS * dim + point)}

    def check(self, dim: int, plates: Plates | None = None) -> None:
        """Refuse a Hessian that is too large.

        Raises:
            TooLargeError: says how much memory it would take.
        """
        if dim > HESSIAN_LIMIT:
            raise TooLargeError(
                "engine.kind",
                f"laplace takes the Hessian of {dim} unknowns, {8 * dim**2 / 1e6:.0f} MB; the "
                f"limit is {HESSIAN_LIMIT} unknowns: use pathfinder or vi",
            )


@dataclass(frozen=True)
class Normal:
    """The normal at the mode."""

    #: `D`, and `D x D`: its covariance is `root root^T`.
    mode: Tensor
    root: Tensor
    #: The log density at the mode, and log |det root|.
    height: float
    log_det: float

    @property
    def log_evidence(self) -> float:
        """The log of the polynomial's integral."""
        return self.height + self.log_det + 0.5 * len(self.mode) * math.log(2.0 * math.pi)

    def draw(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Turn standard normal `u`: `S x D` into draws, `S x D`, and their log density, `S`."""
        constant = self.log_det + 0.5 * len(self.mode) * math.log(2.0 * math.pi)
        return self.mode + u @ self.root.T, -0.5 * (u * u).sum(1) - constant


@dataclass(frozen=True)
class LaplaceState:
    """All that moves: the checkpoint."""

    climb: AscentState
    #: None before the mode is found.
    normal: Normal | None
    #: Log importance weights of the draws made so far, in float64.
    weights: Tensor
    #: The random generator's state, bytes.
    random: Tensor


class Laplace(AbstractEngine[LaplaceOptions, LaplaceState]):
    """A climb to the mode, and draws from the normal there."""

    kind: ClassVar[str] = "laplace"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> LaplaceState:
        self.options.check(density.dim)
        point = find_initial(density, generator, self.options.paths)
        climb = start_ascent(self._objective(density), point.z)
        weights = torch.empty(0, dtype=torch.float64, device=density.device)
        return LaplaceState(climb, None, weights, generator.get_state())

    def step(self, density: AbstractLogDensity, state: LaplaceState) -> tuple[LaplaceState, Info]:
        if state.normal is not None:
            return self._draw(density, state, state.normal)
        climb = step_ascent(self._objective(density), state.climb, self.options)
        state = replace(state, climb=climb)
        if climb.verdict is not None and climb.verdict.outcome == Outcome.CONVERGED:
            state = replace(state, normal=_normal(climb))
        total = self.options.max_iterations + self._blocks
        progress = {"log_density": climb.height}
        return state, Info("optimize", climb.iterations, total, progress=progress)

    def _objective(self, density: AbstractLogDensity) -> Objective:
        return Objective(density, Target.POSTERIOR, self.options.paths)

    @property
    def _wanted(self) -> int:
        return max(self.options.draws, JUDGED_BY)

    @property
    def _blocks(self) -> int:
        return math.ceil(self._wanted / BLOCK)

    def _draw(
        self, density: AbstractLogDensity, state: LaplaceState, normal: Normal
    ) -> tuple[LaplaceState, Info]:
        generator = torch.Generator(density.device)
        generator.set_state(state.random)
        made = len(state.weights)
        limit = self.options.draws if made < self.options.draws else self._wanted
        u = torch.randn(
            BLOCK, density.dim, generator=generator, dtype=torch.float64, device=density.device
        )
        z, log_q = normal.draw(u)
        # In blocks of one size: a density is recorded for a number of rows.
        value, _ = density.value_and_grad(z.to(density.dtype))
        count = min(BLOCK, limit - made)
        weights = torch.cat([state.weights, (value - log_q)[:count]])
        state = replace(state, weights=weights, random=generator.get_state())
        done = state.climb.iterations + math.ceil(len(weights) / BLOCK)
        total = state.climb.iterations + self._blocks
        draws = z[None, :count].to(density.dtype) if made < self.options.draws else None
        return state, Info("draw", min(done, total), total, draws=draws)

    def done(self, state: LaplaceState) -> Outcome | None:
        verdict = state.climb.verdict
        if verdict is None or (state.normal is not None and len(state.weights) < self._wanted):
            return None
        return verdict.outcome

    def finish(
        self, density: AbstractLogDensity, state: LaplaceState, outcome: Outcome, draws: Draws
    ) -> Findings:
        verdict = state.climb.verdict or Verdict(outcome)
        message = climb_message(density, Target.POSTERIOR, verdict, outcome)
        normal, more = state.normal, {}
        if normal is not None:
            more = _shown(density, normal)
        return conclude(
            outcome,
            message,
            state.weights,
            heights(state.climb),
            draws,
            laplace=None if normal is None else normal.log_evidence,
            **more,
        )


def _normal(climb: AscentState) -> Normal:
    """Return the normal at the top that the climb has reached."""
    assert climb.top is not None
    shape = spectrum(climb.top.hessian, climb.top.z)
    root = shape.scale[:, None] * shape.vectors / shape.values.sqrt()
    log_det = float(shape.scale.log().sum() - 0.5 * shape.values.log().sum())
    return Normal(climb.top.z, root, climb.height, log_det)


def _shown(density: AbstractLogDensity, normal: Normal) -> dict[str, object]:
    values = density.constrain_one(normal.mode.to(density.dtype))
    mode = {
        p.name: listed(values[p.name].double().cpu().numpy().reshape(-1), p.shape)
        for p in density.parameters
    }
    if density.dim > SHOWN:
        return {"mode": mode}
    return {
        "mode": mode,
        "coordinates": list(entry_names(density)),
        "covariance": (normal.root @ normal.root.T).tolist(),
    }
