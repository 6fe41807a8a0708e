"""Maximum likelihood: the unknowns under which the observations were most probable.

Maximises the log likelihood of observed sites and factors over continuous latents and parameters;
priors do not enter, discrete latents are summed out, and there is no Jacobian. Nothing is refused
by structure: what the data cannot tell apart is found at the optimum. From there, if asked for,
searches for the ends of profile-likelihood intervals, and the climb where a restriction holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field

from models.density import AbstractLogDensity, Parameter, Target
from models.errors import DefinitionError, TooLargeError
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels.ascent import HESSIAN_LIMIT
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.climb import (
    ClimbState,
    climb_info,
    start_climb,
    step_climb,
    whole,
)
from workers.engines.kernels.climb_report import amended, climb_findings
from workers.engines.kernels.likelihood_ratio import (
    RestrictedState,
    likelihood_ratio,
    start_restricted,
    step_restricted,
)
from workers.engines.kernels.objective import LARGE, Objective
from workers.engines.kernels.profile import ProfileState, start_profile, step_profile
from workers.engines.kernels.profile_entries import chosen, find_ends
from workers.engines.kernels.profile_report import no_profile, profiled
from workers.engines.kernels.restriction import Fixed, read_restriction
from workers.results import Findings, Outcome, Warning

#: One number, or nested lists of numbers.
Value = float | list[Any]
#: Batches, as large as that of the starts, that a batch of profiles is cut into at the most.
FEW = 4


class MleOptions(AbstractAscentOptions):
    """Options of `mle`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "mle", "restarts": 4, "level": 0.9}]}
    )

    kind: Literal["mle"] = "mle"
    intervals: Literal["wald", "profile"] = Field(
        "wald",
        description="`wald`, from the standard errors; or `profile`: all values that are not "
        "refused by a likelihood-ratio test, right also where the likelihood is lopsided.",
    )
    profile: list[str] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Parameters that get profile intervals; all of them for `null`.",
    )
    restriction: dict[str, Value] | None = Field(
        None,
        max_length=1000,
        description='A likelihood-ratio test of these values, as in `{"beta[0]": 0, "sigma": '
        "1.0}`: names of parameters or of their entries, with numbers.",
    )

    def check_parameters(self, parameters: Sequence[Parameter]) -> None:
        """Refuse names and values that a model does not have, and too many intervals.

        Raises:
            DefinitionError: with the path of the option.
            TooLargeError: says how much it would take.
        """
        if self.restriction is not None:
            read_restriction(self.restriction, parameters)
        if self.intervals == "profile":
            chosen(parameters, self.profile)
            dim = sum(p.size for p in parameters)
            if dim > HESSIAN_LIMIT:
                raise TooLargeError(
                    "engine.intervals",
                    f"profiles begin at the Hessian of {dim} unknowns, {8 * dim**2 / 1e6:.0f} MB; "
                    f"the limit is {HESSIAN_LIMIT} unknowns: write 'wald'",
                )
        elif self.profile is not None:
            raise DefinitionError(
                "engine.profile", "these names are for `intervals`: write 'profile' there"
            )


@dataclass(frozen=True)
class MleState:
    """All that moves: the checkpoint."""

    climb: ClimbState
    #: The searches for intervals; None before, and where there are none.
    profile: ProfileState | None = None
    #: The climb where the restriction holds; None before.
    restricted: RestrictedState | None = None
    #: How it ended; None while it goes on.
    outcome: Outcome | None = None


class Mle(AbstractEngine[MleOptions, MleState]):
    """An optimiser from several starts, then Newton's method at the best point."""

    kind: ClassVar[str] = "mle"

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> MleState:
        return MleState(start_climb(density, generator, Target.LIKELIHOOD, self.options))

    def step(self, density: AbstractLogDensity, state: MleState) -> tuple[MleState, Info]:
        if state.climb.verdict is None:
            climb = step_climb(density, state.climb, Target.LIKELIHOOD, self.options)
            state = replace(state, climb=climb)
            if climb.verdict is not None:
                state = self._go_on(whole(density, climb, self.options), state)
        else:
            state = self._infer(whole(density, state.climb, self.options), state)
        return state, climb_info(state.climb, self.options)

    def done(self, state: MleState) -> Outcome | None:
        return state.outcome

    def finish(
        self, density: AbstractLogDensity, state: MleState, outcome: Outcome, draws: Draws
    ) -> Findings:
        options = self.options
        findings = climb_findings(density, Target.LIKELIHOOD, state.climb, outcome, options)
        density = whole(density, state.climb, options)
        mle, said = findings.mle, []
        assert mle is not None
        if state.profile is not None and state.profile.done:
            objective = self._objective(density, len(state.profile.ends))
            estimate, more = profiled(mle.estimate, objective, state.profile, options.level)
            mle, said = mle.model_copy(update={"estimate": estimate}), more
        elif options.intervals == "profile" and outcome is Outcome.CONVERGED:
            said = [no_profile([p.name for p in chosen(density.parameters, options.profile)])]
        if state.restricted is not None and outcome is Outcome.CONVERGED:
            ratio, more = likelihood_ratio(
                density, self._fixed(density), state.restricted, state.climb.height, options.level
            )
            mle, said = mle.model_copy(update={"likelihood_ratio": ratio}), said + more
        elif options.restriction and outcome is not Outcome.CONVERGED:
            said = [*said, _NOTHING_TO_COMPARE]
        return amended(findings, mle, said)

    def _infer(self, density: AbstractLogDensity, state: MleState) -> MleState:
        """Make one step of what follows the climb."""
        if state.profile is not None and not state.profile.done:
            objective = self._objective(density, len(state.profile.ends))
            profile = step_profile(objective, state.profile, self.options.level)
            state = replace(state, profile=profile)
        else:
            assert state.restricted is not None
            restricted = step_restricted(density, state.restricted, self.options)
            state = replace(state, restricted=restricted)
        return self._go_on(density, state)

    def _go_on(self, density: AbstractLogDensity, state: MleState) -> MleState:
        """Begin what comes next, or end."""
        ascent, verdict = state.climb.ascent, state.climb.verdict
        assert ascent is not None
        assert verdict is not None
        if verdict.outcome is not Outcome.CONVERGED:
            return replace(state, outcome=verdict.outcome)
        if self.options.intervals == "profile" and state.profile is None:
            assert ascent.top is not None
            ends = find_ends(density, ascent.top.z, self.options.profile)
            if len(ends):
                objective = self._objective(density, len(ends))
                profile = start_profile(objective, ascent.top, ends, self.options.level)
                state = replace(state, profile=profile)
        if state.profile is not None and not state.profile.done:
            return state
        if self.options.restriction is not None and state.restricted is None:
            restricted = start_restricted(density, self._fixed(density), ascent)
            state = replace(state, restricted=restricted)
        if state.restricted is not None and state.restricted.ascent.verdict is None:
            return state
        return replace(state, outcome=verdict.outcome)

    def _objective(self, density: AbstractLogDensity, rows: int) -> Objective:
        """Return the objective of so many rows, recorded anew only where that is cheaper."""
        few = rows <= FEW * self.options.restarts
        return Objective(
            density, Target.LIKELIHOOD, self.options.restarts if few else min(rows, LARGE)
        )

    def _fixed(self, density: AbstractLogDensity) -> Mapping[str, Fixed]:
        return read_restriction(self.options.restriction or {}, density.parameters)


_NOTHING_TO_COMPARE = Warning(
    code="no_likelihood_ratio",
    message="There is no test of the restriction: without it the likelihood has no maximum to "
    "compare with.",
)
