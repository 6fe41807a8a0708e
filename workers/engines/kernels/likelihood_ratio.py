"""The likelihood-ratio test of a restriction.

Twice the difference of the maximal log likelihoods, with and without the restriction, is
distributed as chi-squared with as many degrees of freedom as unknowns are fixed, in large samples
and where the restriction holds (Wilks, The large-sample distribution of the likelihood ratio, Ann.
Math. Stat. 9, 1938).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from scipy.special import chdtrc
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.ascent import AscentState, start_ascent, step_ascent
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.ascent_report import climb_message
from workers.engines.kernels.entries import listed
from workers.engines.kernels.intervals import estimates
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizers import OptimizerName
from workers.engines.kernels.restricted import RestrictedDensity
from workers.engines.kernels.restriction import Fixed, coordinates, restricted_point
from workers.engines.kernels.spectrum import spectrum
from workers.engines.kernels.verdict import Verdict
from workers.results import LikelihoodRatio, Outcome, RestrictedMaximum, Warning

#: Nats by which a restricted maximum may stand above the other: what a climb leaves.
ABOVE = 1e-6


@dataclass(frozen=True)
class RestrictedState:
    """The climb where the restriction holds."""

    #: `D`: which coordinates are fixed, and a point where they are.
    mask: Tensor
    point: Tensor
    ascent: AscentState

    def density(self, whole: AbstractLogDensity) -> RestrictedDensity:
        """Return the density as a function of what is free."""
        return RestrictedDensity(whole, self.mask, self.point)


def start_restricted(
    density: AbstractLogDensity, fixed: Mapping[str, Fixed], climb: AscentState
) -> RestrictedState:
    """Begin where the unrestricted climbs ended."""
    tops = climb.rows.z.clone()
    if climb.top is not None:
        tops[climb.best] = climb.top.z
    mask = coordinates(fixed, density)
    point = restricted_point(fixed, density, tops[climb.best])
    free = RestrictedDensity(density, mask, point)
    # Without unknowns there is nothing to remember.
    optimizer: OptimizerName = "lbfgs" if free.dim else "gradient_descent"
    ascent = start_ascent(_objective(free, len(tops)), tops[:, free.free], optimizer)
    if not bool(ascent.rows.value.isfinite().any()):
        ascent = replace(ascent, verdict=Verdict(Outcome.NON_FINITE))
    elif not free.dim:
        ascent = replace(ascent, verdict=Verdict(Outcome.CONVERGED))
    return RestrictedState(mask, point, ascent)


def step_restricted(
    density: AbstractLogDensity, state: RestrictedState, options: AbstractAscentOptions
) -> RestrictedState:
    """Advance by one iteration."""
    objective = _objective(state.density(density), len(state.ascent.rows.value))
    return replace(state, ascent=step_ascent(objective, state.ascent, options))


def _objective(density: RestrictedDensity, rows: int) -> Objective:
    return Objective(density, Target.LIKELIHOOD, rows)


def likelihood_ratio(
    density: AbstractLogDensity,
    fixed: Mapping[str, Fixed],
    restricted: RestrictedState,
    height: float,
    level: float,
) -> tuple[LikelihoodRatio, list[Warning]]:
    """Return the test and its warnings.

    Args:
        density: without the restriction.
        fixed: the restriction.
        restricted: the climb where it holds, at its end.
        height: the log likelihood of the unrestricted maximum.
        level: of the intervals.
    """
    said = [_at_bound(fixed)] if any(one.at_bound for one in fixed.values()) else []
    free, state = restricted.density(density), restricted.ascent
    verdict = state.verdict or Verdict(Outcome.STOPPED)
    degrees = int(restricted.mask.sum())
    statistic = p_value = None
    if verdict.outcome is not Outcome.CONVERGED:
        said.append(_no_maximum(_why(free, verdict)))
    elif state.height > height + ABOVE + _noise(density, height):
        said.append(_no_maximum(_HIGHER))
    else:
        statistic = 2.0 * max(0.0, height - state.height)
        p_value = float(chdtrc(degrees, statistic))
    return LikelihoodRatio(
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=p_value,
        restricted=_maximum(free, state, level),
    ), said


def _noise(density: AbstractLogDensity, height: float) -> float:
    at = torch.tensor(height, dtype=torch.float64)
    return float(Objective(density, Target.LIKELIHOOD).noise(at))


_HIGHER = (
    "The likelihood is higher there than at the estimate, which is not the maximum then; use more "
    "restarts or another seed."
)


def _maximum(density: RestrictedDensity, state: AscentState, level: float) -> RestrictedMaximum:
    z = state.rows.z[state.best] if state.top is None else state.top.z
    converged = state.verdict is not None and state.verdict.outcome is Outcome.CONVERGED
    covariance = None
    if converged and state.top is not None:
        covariance = spectrum(state.top.hessian, z).covariance()
    return RestrictedMaximum(
        estimate=estimates(density, z, covariance, level),
        log_likelihood=state.height if math.isfinite(state.height) else None,
    )


def _why(density: RestrictedDensity, verdict: Verdict) -> str:
    if verdict.outcome is Outcome.NON_FINITE:
        return "The likelihood is zero or not finite where it holds."
    return climb_message(density, Target.LIKELIHOOD, verdict, verdict.outcome)


def _no_maximum(why: str) -> Warning:
    return Warning(
        code="no_likelihood_ratio", message=f"There is no test of the restriction. {why}"
    )


def _at_bound(fixed: Mapping[str, Fixed]) -> Warning:
    names = listed([name for name, one in fixed.items() if one.at_bound])
    return Warning(
        code="restriction_at_bound",
        message=f"The restriction puts {names} on the boundary of its support, where the statistic "
        "is a mixture of chi-squareds and smaller: the p-value is too large, for one parameter up "
        "to twice (Self and Liang, 1987).",
    )
