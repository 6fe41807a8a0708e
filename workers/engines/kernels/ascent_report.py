"""A finished climb as a result: estimates, curvature, criteria, and the sentence."""

import math
from typing import Any

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from models.errors import DefinitionError
from models.supports import constraint_from_name
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.entries import entry_names, listed
from workers.engines.kernels.intervals import estimates
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.ridges import sparse_basis
from workers.engines.kernels.sandwich import sandwich
from workers.engines.kernels.spectrum import spectrum
from workers.engines.kernels.verdict import Verdict
from workers.results import (
    Curvature,
    Diagnostics,
    Findings,
    MleResult,
    Outcome,
    Warning,
)

#: What is climbed, in words.
WORDS = {
    Target.LIKELIHOOD: "likelihood",
    Target.JOINT: "posterior density",
    Target.POSTERIOR: "posterior density",
}


def ascent_findings(
    density: AbstractLogDensity,
    target: Target,
    state: AscentState,
    outcome: Outcome,
    options: AbstractAscentOptions,
) -> Findings:
    """Turn the last state of a climb into what the result reports."""
    verdict = state.verdict or Verdict(outcome)
    row = state.best if verdict.row is None else verdict.row
    exact = state.top is not None and verdict.row is None
    z = state.top.z if exact and state.top else state.rows.z[row]
    gradient = state.top.gradient if exact and state.top else state.rows.gradient[row]
    height = state.height if exact else -float(state.rows.value[row])
    hessian = state.top.hessian if exact and state.top else None
    converged = outcome == Outcome.CONVERGED
    warnings = random_effect(density, target)
    covariance = None
    if converged and hessian is not None:
        covariance = spectrum(hessian, z).covariance()
        if options.standard_errors == "sandwich":
            covariance = sandwich(density, z, covariance)
        elif options.standard_errors == "expected":
            information, expected = Objective(density, target).information(z)
            covariance = spectrum(information, z).covariance()
            warnings += [] if expected else [_EMPIRICAL]
    result = MleResult(
        estimate=estimates(density, z, covariance, options.level),
        **_heights(density, target, z, height, converged),
        iterations=state.iterations,
        gradient_norm=_finite(float(gradient.norm())),
        curvature=_curvature(density, hessian, verdict, outcome),
        restarts=heights(state),
    )
    if converged and hessian is None:
        warnings.append(_no_hessian())
    return Findings(
        outcome=outcome,
        message=climb_message(density, target, verdict, outcome),
        mle=result,
        diagnostics=Diagnostics(warnings=warnings) if warnings else None,
    )


def _heights(
    density: AbstractLogDensity, target: Target, z: Tensor, height: float, converged: bool
) -> dict[str, Any]:
    """Return the log likelihood; for `mle` the criteria with it, for `map` the log prior."""
    if target != Target.LIKELIHOOD:
        terms = density.terms(z[None].to(density.dtype))
        likelihood, prior = float(terms.log_likelihood[0]), float(terms.log_prior[0])
        return {"log_likelihood": _finite(likelihood), "log_prior": _finite(prior)}
    if not converged:
        return {"log_likelihood": _finite(height)}
    size, rows = density.dim, density.observations
    aic = 2 * size - 2 * height
    # Hurvich and Tsai, Regression and time series model selection in small samples (1989).
    extra = 2 * size * (size + 1) / (rows - size - 1) if rows > size + 1 else None
    return {
        "log_likelihood": _finite(height),
        "aic": aic,
        "aicc": None if extra is None else aic + extra,
        # A Stan program does not say how many observations it has.
        "bic": math.log(rows) * size - 2 * height if rows else None,
    }


def heights(state: AscentState) -> list[float | None]:
    """Return the log densities that the starts reached, best first."""
    found = [-float(value) for value in state.rows.value]
    if state.top is not None:
        found[state.best] = state.height
    order = sorted(found, key=lambda h: -math.inf if math.isnan(h) else h, reverse=True)
    return [_finite(height) for height in order]


def _curvature(
    density: AbstractLogDensity, hessian: Tensor | None, verdict: Verdict, outcome: Outcome
) -> Curvature:
    if hessian is None or not bool(hessian.isfinite().all()):
        return Curvature(classification="unknown")
    # The Hessian of the log density is minus that of the objective.
    values = -torch.linalg.eigvalsh(hessian).flip(0)
    smallest, largest = float(values.abs().min()), float(values.abs().max())
    return Curvature(
        classification=_classify(hessian, verdict, outcome),
        condition_number=_finite(largest / smallest) if smallest > 0 else None,
        eigenvalues=values.tolist(),
        direction=_direction(density, hessian, verdict),
    )


def _classify(hessian: Tensor, verdict: Verdict, outcome: Outcome) -> str:
    if verdict.flat is not None:
        return "flat"
    if verdict.saddle is not None:
        return "saddle"
    return "maximum" if outcome == Outcome.CONVERGED else "unknown"


def _direction(
    density: AbstractLogDensity, hessian: Tensor, verdict: Verdict
) -> dict[str, float] | None:
    if verdict.flat is not None:
        return named_direction(density, sparse_basis(verdict.flat)[:, 0])
    if verdict.saddle is not None:
        return named_direction(density, verdict.saddle)
    return None


def named_direction(density: AbstractLogDensity, direction: Tensor) -> dict[str, float]:
    """Return the entries that make up a direction, `D`, of unit length, by name."""
    unit = direction / direction.norm()
    named: dict[str, float] = {}
    for name, weight in zip(entry_names(density), unit.tolist(), strict=True):
        if abs(weight) > 1e-3 and name not in named:
            named[name] = weight
    return named


def climb_message(
    density: AbstractLogDensity, target: Target, verdict: Verdict, outcome: Outcome
) -> str:
    """Return the sentence that says how a climb ended."""
    what = WORDS[target]
    if outcome == Outcome.UNIDENTIFIED and verdict.flat is not None:
        return _unidentified(density, target, verdict.flat)
    if outcome == Outcome.UNBOUNDED and verdict.endless is not None:
        where = _destinations(density, verdict.endless)
        return (
            f"The {what} keeps rising as {where}, so it has no maximum and there are no standard "
            f"errors; {_REMEDIES[target]}"
        )
    if outcome == Outcome.MAX_ITERATIONS and verdict.saddle is not None:
        names = listed(list(named_direction(density, verdict.saddle)))
        return (
            f"The climb stopped at a saddle: the {what} rises along {names}. Start elsewhere with "
            "more restarts or another seed."
        )
    if outcome == Outcome.MAX_ITERATIONS and verdict.stuck:
        return (
            f"The climb found no higher point although the {what} still has a slope there; "
            "centre and scale the data, or reparameterise the model."
        )
    return outcome.sentence


_REMEDIES = {
    Target.LIKELIHOOD: "use map, laplace or vi with priors that keep it finite.",
    Target.JOINT: "give it a prior that keeps it finite, or use vi or nuts, which average.",
    Target.POSTERIOR: "give it priors that keep it finite.",
}


def _unidentified(density: AbstractLogDensity, target: Target, flat: Tensor) -> str:
    basis = sparse_basis(flat)
    names = [name for column in basis.T for name in named_direction(density, column)]
    count = basis.shape[1]
    along = "one direction" if count == 1 else f"{count} directions"
    remedy = (
        "use map, laplace or vi, which use the priors"
        if target == Target.LIKELIHOOD
        else "give these parameters priors that tell them apart, or use vi or nuts"
    )
    return (
        f"The {WORDS[target]} does not change along {along} in {listed(names)}, so there is no "
        f"single maximum and no standard error, and the estimate is one of many; {remedy}."
    )


def _destinations(density: AbstractLogDensity, endless: Tensor) -> str:
    """Say where the parameters run: `sigma[0] goes to its bound`."""
    far = endless.abs() >= 0.3 * endless.abs().max()
    supports = [p.support for p in density.parameters for _ in range(p.size)]
    names = entry_names(density)
    said = []
    for i in far.nonzero()[:, 0].tolist():
        up = float(endless[i]) > 0
        said.append(f"{names[i]} goes to {_limit(supports[i], up)}")
    return listed(said, 3)


def _limit(support: str, up: bool) -> str:
    if support == "real":
        return "infinity" if up else "minus infinity"
    try:
        constraint = constraint_from_name(support)
    except DefinitionError:
        return "the edge of its support"
    ends = [getattr(constraint, name, None) for name in ("lower_bound", "upper_bound")]
    if ends == [None, None]:
        return "the edge of its support"
    # Below an upper bound alone the value falls where its coordinate rises.
    upper = up is not (ends[0] is None)
    end = ends[1] if upper else ends[0]
    return f"{end:g}" if end is not None else f"{'' if upper else 'minus '}infinity"


def random_effect(density: AbstractLogDensity, target: Target) -> list[Warning]:
    """Return the warning that a maximum over random effects deserves, where there are any."""
    if not density.random_effects:
        return []
    names = listed(density.random_effects)
    return [Warning(code="random_effect", message=_RANDOM_EFFECT[target].format(names=names))]


_RANDOM_EFFECT = {
    Target.LIKELIHOOD: "{names} looks like a random effect: mle maximises over every one of its "
    "entries and leaves its distribution out, which overfits small groups. Use vi or nuts, which "
    "average over it.",
    Target.JOINT: "{names} looks like a random effect: the joint mode over it and its scale is "
    "often at or near zero scale, far from the bulk of the posterior. Use vi or nuts, which "
    "average over it.",
}


_EMPIRICAL = Warning(
    code="empirical_information",
    message="The likelihood has no closed form for the expected information, so standard errors "
    "are from the gradients of its observations; they are noisier. Use observed or sandwich.",
)


def _no_hessian() -> Warning:
    return Warning(
        code="no_standard_errors",
        message=f"The model has more than {HESSIAN_LIMIT} unknowns, so its Hessian was not "
        "computed: there are no standard errors, and that the maximum is one was not checked.",
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
