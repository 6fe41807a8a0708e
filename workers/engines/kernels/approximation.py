"""What a normal approximation reports: evidence, Pareto k, draws."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from workers.diagnostics import pareto_k_warning
from workers.engines.engine import Draws
from workers.engines.kernels.pareto import log_evidence, pareto_k
from workers.results import ApproximationResult, Diagnostics, Evidence, Findings, Outcome
from workers.summaries import summarize

#: Draws at the least that judge an approximation.
JUDGED_BY = 4000
#: Draws of one step.
BLOCK = 500


def conclude(
    outcome: Outcome,
    message: str,
    weights: Tensor,
    paths: Sequence[float | None],
    draws: Draws,
    *,
    laplace: float | None = None,
    **more: Any,
) -> Findings:
    """Return the findings of an approximation.

    Args:
        outcome: how it ended.
        message: the sentence that says so.
        weights: log importance weights of its draws; empty where it made none.
        paths: what each path reached, best first.
        draws: of the result.
        laplace: the log evidence of the Taylor polynomial.
        **more: further fields of the result.
    """
    k = pareto_k(weights)
    importance, error = log_evidence(weights)
    warning = pareto_k_warning(k) if len(weights) else None
    evidence = Evidence(importance=importance, standard_error=error, laplace=laplace)
    return Findings(
        outcome=outcome,
        message=message,
        summary=summarize(draws) if draws.draws else None,
        diagnostics=Diagnostics(pareto_k=k, warnings=[] if warning is None else [warning]),
        approximation=ApproximationResult(
            log_evidence=evidence, pareto_k=k, paths=list(paths), **more
        ),
    )
