"""Variational inference: the closest normal, in the sense of the evidence lower bound.

Four phases: a climb that finds where and how wide the posterior is, quasi-Newton steps on the ELBO
of fixed noise, Adam on the ELBO, and draws from the result, whose importance weights say how close
it is; see `kernels.variational`.
"""

from typing import ClassVar

import torch

from models.density import AbstractLogDensity
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels import variational
from workers.engines.kernels.vi_options import ViOptions
from workers.engines.kernels.vi_report import conclude
from workers.engines.kernels.vi_state import ViState
from workers.results import Findings, Outcome

__all__ = ["Vi", "ViOptions"]


class Vi(AbstractEngine[ViOptions, ViState]):
    """Stochastic ascent on the ELBO over a normal guide; see `kernels.variational`."""

    kind: ClassVar[str] = "vi"
    compiles: ClassVar[bool] = True

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> ViState:
        return variational.begin(self.options, density, generator)

    def step(self, density: AbstractLogDensity, state: ViState) -> tuple[ViState, Info]:
        return variational.advance(self.options, density, state)

    def done(self, state: ViState) -> Outcome | None:
        return state.outcome if variational.complete(self.options, state) else None

    def finish(
        self, density: AbstractLogDensity, state: ViState, outcome: Outcome, draws: Draws
    ) -> Findings:
        return conclude(self.options, density, state, outcome, draws)
