"""The No-U-Turn sampler."""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict, Field

from models.density import AbstractLogDensity
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels import free, sampler
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.sampler import SamplerState
from workers.engines.kernels.trajectory import nuts
from workers.results import Findings, Outcome


class NutsOptions(AbstractSamplerOptions):
    """Options of `nuts`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "nuts", "chains": 4, "warmup": 500, "draws": 500}]}
    )

    kind: Literal["nuts"] = "nuts"
    max_tree_depth: int = Field(
        default=10,
        ge=1,
        le=15,
        description="Doublings of a trajectory at the most: up to 2^depth - 1 leapfrogs a draw.",
    )


class Nuts(AbstractEngine[NutsOptions, SamplerState]):
    """Multinomial NUTS with Stan's adaptation and criterion; see `kernels.trajectory`."""

    kind: ClassVar[str] = "nuts"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> SamplerState:
        return sampler.begin(self.options, density, generator)

    def step(self, density: AbstractLogDensity, state: SamplerState) -> tuple[SamplerState, Info]:
        depth = self.options.max_tree_depth
        if density.handle is not None:
            return free.advance(self.options, depth, density, density.handle, state)
        kernel = partial(nuts, max_depth=depth)
        return sampler.advance(self.options, kernel, density, state)

    def done(self, state: SamplerState) -> Outcome | None:
        return sampler.ended(self.options, state.iteration, state.divergences, state.watch)

    def finish(
        self, density: AbstractLogDensity, state: SamplerState, outcome: Outcome, draws: Draws
    ) -> Findings:
        depth = self.options.max_tree_depth
        return sampler.conclude(state.leapfrogs, outcome, draws, state.init, max_tree_depth=depth)
