"""Hamiltonian Monte Carlo with trajectories of fixed length."""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict, Field

from models.density import AbstractLogDensity
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels import sampler
from workers.engines.kernels.fixed import LONGEST, LONGEST_WARM, hmc
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.sampler import SamplerState
from workers.results import Findings, Outcome


class HmcOptions(AbstractSamplerOptions):
    """Options of `hmc`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "hmc", "chains": 4, "warmup": 500, "trajectory_length": 1.57}]
        }
    )

    kind: Literal["hmc"] = "hmc"
    trajectory_length: float = Field(
        default=1.5707963267948966,
        gt=0.0,
        le=1000.0,
        description="Integration time of a transition, in units of the adapted metric; the "
        "default, a quarter period of a standard normal, makes its draws nearly independent.",
    )


class Hmc(AbstractEngine[HmcOptions, SamplerState]):
    """Hamiltonian Monte Carlo (Neal 2011), adapted as in Stan; see `kernels.fixed`."""

    kind: ClassVar[str] = "hmc"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> SamplerState:
        return sampler.begin(self.options, density, generator)

    def step(self, density: AbstractLogDensity, state: SamplerState) -> tuple[SamplerState, Info]:
        longest = LONGEST_WARM if state.iteration < self.options.warmup else LONGEST
        kernel = partial(hmc, trajectory_length=self.options.trajectory_length, longest=longest)
        return sampler.advance(self.options, kernel, density, state)

    def done(self, state: SamplerState) -> Outcome | None:
        return sampler.ended(self.options, state.iteration, state.divergences, state.watch)

    def finish(
        self, density: AbstractLogDensity, state: SamplerState, outcome: Outcome, draws: Draws
    ) -> Findings:
        return sampler.conclude(state.leapfrogs, outcome, draws, state.init)
