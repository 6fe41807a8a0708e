"""Maximum likelihood: the unknowns under which the observations were most probable.

Maximises the log likelihood of observed sites and factors over continuous latents and parameters;
priors do not enter, discrete latents are summed out, and there is no Jacobian. Nothing is refused
by structure: what the data cannot tell apart is found at the optimum.
"""

from typing import ClassVar, Literal

import torch
from pydantic import ConfigDict

from models.density import AbstractLogDensity, Target
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels.approach import begin_ascent
from workers.engines.kernels.ascent import AscentState, step_ascent
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.ascent_report import ascent_findings
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.objective import Objective
from workers.results import Findings, Outcome


class MleOptions(AbstractAscentOptions):
    """Options of `mle`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "mle", "restarts": 4, "level": 0.9}]}
    )

    kind: Literal["mle"] = "mle"


class Mle(AbstractEngine[MleOptions, AscentState]):
    """An optimiser from several starts, then Newton's method at the best point."""

    kind: ClassVar[str] = "mle"

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> AscentState:
        self.options.check(density.dim)
        target = Target.LIKELIHOOD
        point = find_initial(density, generator, self.options.restarts, target=target)
        objective = Objective(density, target, self.options.restarts)
        return begin_ascent(objective, point.z, self.options.optimizer)

    def step(self, density: AbstractLogDensity, state: AscentState) -> tuple[AscentState, Info]:
        objective = Objective(density, Target.LIKELIHOOD, self.options.restarts)
        state = step_ascent(objective, state, self.options)
        return state, Info(
            phase="optimize",
            done=state.iterations,
            total=self.options.max_iterations if state.verdict is None else state.iterations,
            progress={"log_density": state.height},
        )

    def done(self, state: AscentState) -> Outcome | None:
        return None if state.verdict is None else state.verdict.outcome

    def finish(
        self, density: AbstractLogDensity, state: AscentState, outcome: Outcome, draws: Draws
    ) -> Findings:
        return ascent_findings(density, Target.LIKELIHOOD, state, outcome, self.options)
