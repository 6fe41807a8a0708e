"""ChEES-HMC: many chains in step, which learn one metric, step size and length together."""

from typing import ClassVar, Literal, Self

import torch
from pydantic import ConfigDict, Field, model_validator

from models.density import AbstractLogDensity
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels import crowd, sampler
from workers.engines.kernels.crowd import CrowdState
from workers.engines.kernels.initial import Init
from workers.engines.kernels.metric import Kind
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.results import Findings, Outcome

#: Superchains where the options leave the number open: the most, and the least that it takes to
#: compare them.
MOST, FEWEST = 8, 4


class CheesOptions(AbstractSamplerOptions):
    """Options of `chees`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "chees", "chains": 64, "warmup": 60}]}
    )

    kind: Literal["chees"] = "chees"
    chains: int = Field(
        default=64,
        ge=2,
        le=4096,
        description="Number of chains, run as one batch; they learn from each other.",
    )
    warmup: int = Field(
        default=60,
        ge=0,
        le=1_000_000,
        description="Iterations that adapt metric, step size and trajectory length; not in the "
        "result. With `until` it ends earlier once there is nothing left to learn.",
    )
    draws: int = Field(
        default=100, ge=1, le=10_000_000, description="Draws per chain after the warm-up."
    )
    metric: Kind = Field(
        default="low_rank",
        description="Shape of the mass matrix: `diagonal`; `low_rank`, a diagonal and the "
        "directions on which it is far off; or `dense`.",
    )
    init: Init = Field(
        default="pathfinder",
        description="Where superchains start: `pathfinder`, a draw near the typical set that an "
        "ascent finds; a draw from the `prior`; or `uniform` on (-2, 2) unconstrained.",
    )
    superchains: int | None = Field(
        default=None,
        ge=2,
        le=4096,
        description="Number of different starts; the chains of a superchain, adjacent ones, share "
        "theirs. Divides `chains`; null takes the largest divisor of `chains` up to 8, or gives "
        "every chain its own start where that is under 4.",
    )

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.superchains is not None and self.chains % self.superchains:
            raise ValueError(
                f"'superchains' ({self.superchains}) does not divide 'chains' ({self.chains})"
            )
        return self

    @property
    def starts(self) -> int:
        """The number of superchains."""
        if self.superchains is not None:
            return self.superchains
        largest = next(k for k in range(MOST, 0, -1) if not self.chains % k)
        return largest if largest >= FEWEST else self.chains


class Chees(AbstractEngine[CheesOptions, CrowdState]):
    """ChEES-HMC (Hoffman, Radul and Sountsov 2021); see `kernels.ensemble` and `kernels.length`."""

    kind: ClassVar[str] = "chees"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> CrowdState:
        return crowd.begin(self.options, self.options.starts, density, generator)

    def step(self, density: AbstractLogDensity, state: CrowdState) -> tuple[CrowdState, Info]:
        return crowd.advance(self.options, density, state)

    def done(self, state: CrowdState) -> Outcome | None:
        return sampler.ended(self.options, state.iteration, state.divergences, state.watch)

    def finish(
        self, density: AbstractLogDensity, state: CrowdState, outcome: Outcome, draws: Draws
    ) -> Findings:
        superchains = state.watch.superchains
        return sampler.conclude(
            state.leapfrogs, outcome, draws, state.origin, superchains=superchains
        )
