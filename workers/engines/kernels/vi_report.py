"""A variational fit as a result: the ELBO, what says how close the guide is, the draws' summary."""

import math

from torch import Tensor

from models.density import AbstractLogDensity
from workers.diagnostics import pareto_k_warning
from workers.engines.engine import Draws
from workers.engines.kernels.ascent_report import random_effect
from workers.engines.kernels.guide import AbstractGuide
from workers.engines.kernels.guides import GUIDES
from workers.engines.kernels.pareto import pareto_k
from workers.engines.kernels.rounding import report, restart_warning
from workers.engines.kernels.scaler import Scaler
from workers.engines.kernels.vi_options import ViOptions
from workers.engines.kernels.vi_state import Fit, ViState
from workers.results import Diagnostics, ElboResult, Findings, Outcome, Warning
from workers.summaries import summarize

_POINT = Warning(
    code="point_guide",
    message="The guide 'delta' is one point, the most probable values: its standard deviations are "
    "nil and say nothing of how uncertain the values are, there is no Pareto k, and the ELBO is "
    "the log joint density there. Use mean_field or full_rank for spreads.",
)


def conclude(
    options: ViOptions,
    density: AbstractLogDensity,
    state: ViState,
    outcome: Outcome,
    draws: Draws,
) -> Findings:
    """Return the ELBO with its error, Pareto k, and the summary of the draws."""
    weights, guide = state.weights, GUIDES[options.family]
    elbo = _result(guide, state.fit, weights, state.failed)
    if guide.point:
        warnings = [*random_effect(density, guide.target), _POINT]
    else:
        warning = pareto_k_warning(elbo.pareto_k) if len(weights) else None
        warnings = [] if warning is None else [warning]
    if state.failed is not None:
        warnings.append(restart_warning(state.failed))
    return Findings(
        outcome=outcome,
        message=outcome.sentence,
        summary=summarize(draws),
        diagnostics=Diagnostics(pareto_k=elbo.pareto_k, warnings=warnings),
        elbo=elbo,
    )


def _result(
    guide: type[AbstractGuide], fit: Fit | None, weights: Tensor, failed: Scaler | None
) -> ElboResult:
    trace = fit.trace if fit else ()
    final, error = None, None
    if len(weights) > 1 and bool(weights.isfinite().all()):
        final = float(weights.mean())
        error = float(weights.std()) / math.sqrt(len(weights))
    return ElboResult(
        trace=[value for _, value in trace],
        steps=[step for step, _ in trace],
        final=final,
        standard_error=error,
        pareto_k=None if guide.point else pareto_k(weights),
        gradient_variance=fit.variance if fit else None,
        low_precision=report(fit.scalers if fit else (), failed),
    )
