"""Maximum a posteriori: the mode of prior times likelihood.

Maximises log prior + log likelihood as a function of the constrained values, without Jacobian: the
mode does not depend on how the parameters are transformed inside. Standard errors are those of the
normal approximation there.
"""

from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict

from models.density import AbstractLogDensity, Target
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.climb import ClimbState, climb_info, start_climb, step_climb
from workers.engines.kernels.climb_report import climb_findings
from workers.results import Findings, Outcome


class MapOptions(AbstractAscentOptions):
    """Options of `map`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "map", "restarts": 4, "level": 0.9}]}
    )

    kind: Literal["map"] = "map"


class Map(AbstractEngine[MapOptions, ClimbState]):
    """An optimiser from several starts, then Newton's method at the best point."""

    kind: ClassVar[str] = "map"

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> ClimbState:
        return start_climb(density, generator, Target.JOINT, self.options)

    def step(self, density: AbstractLogDensity, state: ClimbState) -> tuple[ClimbState, Info]:
        state = step_climb(density, state, Target.JOINT, self.options)
        return state, climb_info(state, self.options)

    def done(self, state: ClimbState) -> Outcome | None:
        return None if state.verdict is None else state.verdict.outcome

    def finish(
        self, density: AbstractLogDensity, state: ClimbState, outcome: Outcome, draws: Draws
    ) -> Findings:
        return climb_findings(density, Target.JOINT, state, outcome, self.options)
