"""A climb at its end, or where it was stopped, as findings: with its modes, and what they mean."""

from models.blocks import BlockedDensity
from models.density import AbstractLogDensity, Target
from workers.engines.kernels.ascent_options import AbstractAscentOptions
from workers.engines.kernels.ascent_report import ascent_findings
from workers.engines.kernels.climb import ClimbState, stopped, whole
from workers.engines.kernels.concavity import concavity
from workers.engines.kernels.entries import listed
from workers.engines.kernels.modes import modes
from workers.results import Diagnostics, Findings, MleResult, Outcome, Warning

#: Squared standard errors, for each unknown, by which averaged iterates may miss a maximum.
NOISE = 4.0


def climb_findings(
    density: AbstractLogDensity,
    target: Target,
    state: ClimbState,
    outcome: Outcome,
    options: AbstractAscentOptions,
) -> Findings:
    """Turn the last state of a climb into what the result reports."""
    density = whole(density, state, options)
    ascent = state.ascent or stopped(density, target, state)
    findings = ascent_findings(density, target, ascent, outcome, options)
    if outcome is not Outcome.CONVERGED or findings.mle is None:
        return findings
    # Starts that climbed minibatches end near a maximum, not on it.
    found = modes(density, target, ascent, 0.0 if state.stochastic is None else NOISE * density.dim)
    known = concavity(density, target, ascent, found)
    mle = findings.mle.model_copy(update={"modes": found, "concavity": known})
    return amended(findings, mle, _dropped(density))


def amended(findings: Findings, mle: MleResult, warnings: list[Warning]) -> Findings:
    """Return findings with another estimate and more warnings."""
    said = [*(findings.diagnostics.warnings if findings.diagnostics else []), *warnings]
    diagnostics = Diagnostics(warnings=said) if said else findings.diagnostics
    return findings.model_copy(update={"mle": mle, "diagnostics": diagnostics})


def _dropped(density: AbstractLogDensity) -> list[Warning]:
    if not isinstance(density, BlockedDensity) or not density.dropped:
        return []
    return [
        Warning(
            code="not_reported",
            message=f"{listed(density.dropped)} grows with the rows of the data: with minibatches "
            "it is not reported.",
        )
    ]
