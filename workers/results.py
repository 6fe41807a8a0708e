"""What a run answers: outcome, summaries, diagnostics. These types are the HTTP answer too."""

import enum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Outcome(enum.StrEnum):
    """How the numbers came out. The sentence of each member is what a person reads."""

    CONVERGED = "converged"
    MAX_ITERATIONS = "max_iterations"
    UNIDENTIFIED = "unidentified"
    UNBOUNDED = "unbounded"
    NON_FINITE = "non_finite"
    ALL_DIVERGENT = "all_divergent"
    COMPLETED = "completed"
    STOPPED = "stopped"

    @property
    def sentence(self) -> str:
        """The sentence shown to the user."""
        return _SENTENCES[self]


_SENTENCES = {
    Outcome.CONVERGED: "The run met its convergence test.",
    Outcome.MAX_ITERATIONS: "The run used all its iterations before it met its convergence test; "
    "allow more with max_iterations, steps or draws, or loosen tolerance or until.",
    Outcome.UNIDENTIFIED: "The likelihood does not change along at least one direction, so there "
    "is no single maximum and no standard error; use map, laplace or vi, which use the priors.",
    Outcome.UNBOUNDED: "The likelihood grows without bound, so it has no maximum; use map with "
    "priors that keep the parameters finite.",
    Outcome.NON_FINITE: "The computation became non-finite and stopped; look at the scale of the "
    "data and the priors.",
    Outcome.ALL_DIVERGENT: "Every transition of every chain diverged; the draws say nothing about "
    "the posterior. Reparameterise the model or tighten its priors.",
    Outcome.COMPLETED: "All requested draws were made; heed the warnings, if there are any.",
    Outcome.STOPPED: "The run was stopped before its end; what it had computed is here.",
}

#: A number, or nested lists of numbers in the quantity's shape; None where no number exists.
Values = Any


class Strict(BaseModel):
    """Base of answer types: no surplus fields, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Warning(Strict):
    """Something that makes the numbers less trustworthy, and what to do about it."""

    code: str
    message: str


class Summary(Strict):
    """Posterior summary of one quantity; every field has the quantity's shape."""

    mean: Values
    sd: Values
    median: Values
    quantiles: dict[str, Values]
    mcse_mean: Values = None
    ess_bulk: Values = None
    ess_tail: Values = None
    r_hat: Values = None
    #: Only of chains in superchains, each of which shares a start.
    nested_r_hat: Values = None


class Diagnostics(Strict):
    """What says whether to trust the draws or the fit."""

    divergences: int | None = None
    #: Per chain.
    step_size: list[float | None] | None = None
    #: Mean acceptance statistic per chain.
    acceptance: list[float | None] | None = None
    e_bfmi: list[float | None] | None = None
    #: Number of transitions that reached the largest tree depth.
    max_tree_depth: int | None = None
    #: Leapfrog steps in the whole run, over all chains.
    leapfrogs: int | None = None
    pareto_k: float | None = None
    #: Where the chains started.
    init: str | None = None
    warnings: list[Warning] = []


class Interval(Strict):
    """A confidence interval; bounds in the parameter's shape."""

    level: float
    lower: Values
    upper: Values
    #: `wald`: from the standard error; `profile`: where the likelihood has fallen too far.
    kind: str = "wald"


class Estimate(Strict):
    """A point estimate with its standard error, in the parameter's shape."""

    value: Values
    standard_error: Values = None
    interval: Interval | None = None


class Curvature(Strict):
    """The Hessian at the optimum, on the unconstrained scale."""

    #: `maximum`, `saddle`, `flat` or `unknown`.
    classification: str
    condition_number: float | None = None
    eigenvalues: list[float] | None = None
    #: For `flat` and `saddle`: the parameters' entries that make up the direction, by name.
    direction: dict[str, float] | None = None


class RestrictedMaximum(Strict):
    """The maximum of the likelihood where a restriction holds."""

    estimate: dict[str, Estimate]
    log_likelihood: float | None


class LikelihoodRatio(Strict):
    """A test of a restriction: twice what it costs in log likelihood, against chi-squared."""

    statistic: float | None
    degrees_of_freedom: int
    p_value: float | None
    restricted: RestrictedMaximum


class Mode(Strict):
    """A point where starts came to rest."""

    #: Log likelihood (or density) there.
    height: float | None
    #: How many of the starts came here.
    starts: int
    #: Constrained values by parameter.
    estimate: dict[str, Values]


class Concavity(Strict):
    """Whether there can be another maximum, and how that is known."""

    #: `concave`, `not_concave` or `unknown`.
    verdict: str
    how: str


class MleResult(Strict):
    """A maximum of the likelihood (`mle`) or of the posterior density (`map`)."""

    estimate: dict[str, Estimate]
    log_likelihood: float | None
    #: Log prior at the optimum; only `map`.
    log_prior: float | None = None
    aic: float | None = None
    #: AIC for few observations; None where there are no more than unknowns, and one.
    aicc: float | None = None
    bic: float | None = None
    iterations: int
    gradient_norm: float | None
    curvature: Curvature | None = None
    #: Log likelihood (or density) reached from each start, best first.
    restarts: list[float | None] = []
    #: The different points that the starts reached, best first.
    modes: list[Mode] | None = None
    concavity: Concavity | None = None
    #: Only `mle` with a `restriction`.
    likelihood_ratio: LikelihoodRatio | None = None


class LowPrecision(Strict):
    """A fit whose matrix products were rounded; lists have an entry per point of the trace.

    Of a fit that began again in float32 they have one: where the first attempt ended.
    """

    #: `bfloat16` or `float16`.
    type: str
    #: Whether it began again in float32.
    restarted: bool
    #: What the log density is multiplied by before it is differentiated; 1 in bfloat16.
    scale: list[float]
    #: Steps left out so far because of gradients that were not finite.
    skipped: list[int]
    #: Numbers in those gradients that were not finite, so far.
    overflows: list[int]


class ElboResult(Strict):
    """The evidence lower bound over the steps of a variational fit."""

    trace: list[float | None]
    steps: list[int]
    final: float | None
    standard_error: float | None
    pareto_k: float | None = None
    #: Of the gradient's estimate at the end, summed over the guide's parameters.
    gradient_variance: float | None = None
    #: Only under the precision `mixed`.
    low_precision: LowPrecision | None = None


class Evidence(Strict):
    """The log of the posterior's normalising constant; None where there is no number."""

    #: By importance weights of the draws, with its Monte Carlo error.
    importance: float | None
    standard_error: float | None
    #: By the second-order Taylor polynomial at the mode; only `laplace`.
    laplace: float | None = None


class ApproximationResult(Strict):
    """A normal approximation of the posterior on the unconstrained scale."""

    log_evidence: Evidence
    pareto_k: float | None
    #: By path, best first: the log density that it reached (`laplace`), its ELBO (`pathfinder`).
    paths: list[float | None]
    #: Constrained values at the mode, by parameter; only `laplace`.
    mode: dict[str, Values] | None = None
    #: What each unconstrained coordinate is one of, and their covariance; only `laplace`, and of
    #: few coordinates.
    coordinates: list[str] | None = None
    covariance: list[list[float]] | None = None


class SteinResult(Strict):
    """The kernelised Stein discrepancy between particles and posterior; 0 where they agree."""

    trace: list[float | None]
    steps: list[int]
    final: float | None
    #: What as many independent draws of the posterior would have.
    independent: float | None
    #: How wide the particles lie, as a share of the posterior's variance.
    spread: float | None


class Findings(Strict):
    """What an engine found: everything of a result but its circumstances."""

    outcome: Outcome
    message: str
    summary: dict[str, Summary] | None = None
    diagnostics: Diagnostics | None = None
    mle: MleResult | None = None
    elbo: ElboResult | None = None
    approximation: ApproximationResult | None = None
    stein: SteinResult | None = None


class UsedPrior(Strict):
    """A prior of a formula's model as it was used."""

    #: The quantity that has it.
    parameter: str
    #: Of an entry that has its own, its label.
    term: str | None = None
    distribution: str
    args: dict[str, float]
    #: Whether it was chosen by default, scaled to the data.
    default: bool


class Timing(Strict):
    """Seconds, from the worker's first look at the job."""

    queued: float | None = None
    compile: float | None = None
    warmup: float | None = None
    sample: float | None = None
    total: float


class Result(Findings):
    """The answer to a job, as `GET /v1/jobs/{id}/result` returns it; absent fields are omitted."""

    job: str | None = None
    engine: dict[str, Any]
    seed: int
    version: str
    #: The tier that computed the last step.
    tier: str
    #: The first step that the compiled tier computed, where it computed any.
    compiled_from: int | None = None
    #: Why `auto` picked these options, in sentences.
    choice: list[str] | None = None
    precision: str
    #: The name of the GPU that it was computed on; absent: it was none.
    device: str | None = None
    #: Of a formula: by quantity and dimension, the labels of its entries.
    labels: dict[str, list[list[str]]] | None = None
    #: Of a formula.
    priors: list[UsedPrior] | None = None
    partial: bool | None = None
    timing: Timing
