"""Variational inference with discrete unknowns that are not summed out, against exact answers."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import gammaln

from models.errors import DefinitionError
from tests.workers.engines.kernels.counts import (
    CROSSED,
    PROBABILITIES,
    RATED,
    ROWS,
    SEEN,
    SWITCHED,
    SWITCHED_EVIDENCE,
    TABLE,
    THINNED,
    THINNED_EVIDENCE,
    UNSEEN,
)
from tests.workers.engines.posted import posted
from tests.workers.engines.runs import Finished, finished
from workers.checkpoints.packet import pack, unpack
from workers.engines.vi import Vi, ViOptions
from workers.results import ElboResult, Outcome

RATES = [0, 2, 5, 1, 3, 2, 4, 1]


def fit(source: str, data: dict[str, Any], seed: int = 1, **options: Any) -> Finished:
    return finished(ViOptions(**options), posted(source, data), seed)


def elbo_of(done: Finished) -> ElboResult:
    assert done.findings.elbo is not None
    return done.findings.elbo


def test_counts_not_seen_are_poisson() -> None:
    done = fit(THINNED, {"y": SEEN})
    assert done.findings.outcome == Outcome.CONVERGED
    elbo = elbo_of(done)
    assert elbo.final == pytest.approx(THINNED_EVIDENCE, abs=1e-3)
    assert elbo.pareto_k is not None
    assert elbo.pareto_k < 0.5
    assert elbo.gradient_variance is not None
    assert len(elbo.trace) == len(elbo.steps) > 10
    draws = done.draws.values("n")
    assert draws.shape == (1, 1000, len(SEEN))
    unseen = draws[0] - np.array(SEEN)
    assert (unseen >= 0).all()
    assert (unseen == unseen.round()).all()
    error = math.sqrt(UNSEEN.var() / 1000)
    assert np.abs(unseen.mean(0) - UNSEEN.mean()).max() < 4.5 * error
    assert done.findings.summary is not None
    assert np.array(done.findings.summary["n"].mean) == pytest.approx(draws[0].mean(0))


def test_of_a_switch_in_every_row_probabilities_are_exact() -> None:
    done = fit(SWITCHED, {"y": ROWS.tolist()}, draws=4000, steps=400)
    assert elbo_of(done).final == pytest.approx(SWITCHED_EVIDENCE, abs=1e-3)
    found = done.draws.values("z")[0].mean(0)
    error = np.sqrt(PROBABILITIES * (1 - PROBABILITIES) / 4000)
    assert (np.abs(found - PROBABILITIES) < 4.5 * error).all()


def rated_evidence() -> float:
    """Of counts at four tenths of a Gamma rate."""
    y = np.array(RATES)
    shape, scale = 3.0 + y.sum(), 0.5 + 0.4 * len(y)
    evidence = 3.0 * math.log(0.5) - gammaln(3.0) + gammaln(shape) - shape * math.log(scale)
    return float(evidence + y.sum() * math.log(0.4) - gammaln(y + 1.0).sum())


@pytest.mark.slow
def test_a_rate_and_its_counts_together() -> None:
    done = fit(RATED, {"y": RATES})
    elbo, summary = elbo_of(done), done.findings.summary
    assert summary is not None
    y = np.array(RATES)
    exact = stats.gamma(3.0 + y.sum(), scale=1 / (0.5 + 0.4 * len(y)))
    # The mean-field optimum has the mean of the marginal posterior, but for what a log-normal
    # lacks of a Gamma, and its width given the counts.
    rate = summary["rate"]
    assert rate.mean == pytest.approx(exact.mean(), abs=0.12 * exact.std())
    given = math.sqrt(exact.mean() / (0.5 + len(y)))
    assert rate.sd == pytest.approx(given, rel=0.15)
    unseen = 0.6 * exact.mean()
    assert np.array(summary["n"].mean) - y == pytest.approx(unseen, abs=0.25)
    assert elbo.final is not None
    assert elbo.standard_error is not None
    gap = rated_evidence() - elbo.final
    # What the factors cannot have in common: the rate's width, known and unknown counts.
    assert gap + 4 * elbo.standard_error > 0.0
    assert gap == pytest.approx(math.log(exact.std() / given), abs=0.15)
    assert elbo.pareto_k is not None


def test_latents_of_crossing_plates_are_fitted() -> None:
    done = fit(CROSSED, {"y": TABLE}, steps=600, particles=32)
    total = 0.0
    for bits in np.ndindex(2, 2, 2, 2):
        a, b = np.array(bits[:2])[:, None], np.array(bits[2:])[None]
        mean = 1.5 * (a + b + a * b)
        prior = stats.bernoulli(0.4).logpmf(bits).sum()
        total += math.exp(prior + stats.norm(mean, 1).logpdf(TABLE).sum())
    elbo = elbo_of(done)
    assert elbo.final is not None
    assert elbo.standard_error is not None
    assert elbo.final - 4 * elbo.standard_error < math.log(total)
    assert elbo.final > math.log(total) - 1.0


def test_indicators_beside_a_count_are_still_summed_out() -> None:
    source = """
def model(y):
    with pyro.plate("row", len(y)):
        n = pyro.sample("n", dist.Poisson(4.0))
        z = pyro.sample("z", dist.Bernoulli(0.3))
        pyro.sample("y", dist.Normal(n + 10.0 * z, 1.0), obs=y)
"""
    y = [3.0, 14.5, 6.0]
    done = fit(source, {"y": y}, steps=400)
    counts = np.arange(60)
    parts = stats.poisson(4.0).pmf(counts)[:, None] * (
        0.7 * stats.norm(counts, 1).pdf(np.array(y)[:, None]).T
        + 0.3 * stats.norm(counts + 10, 1).pdf(np.array(y)[:, None]).T
    )
    assert elbo_of(done).final == pytest.approx(float(np.log(parts.sum(0)).sum()), abs=1e-3)
    means = (counts[:, None] * parts).sum(0) / parts.sum(0)
    found = done.draws.values("n")[0].mean(0)
    assert found == pytest.approx(means, abs=0.2)


@pytest.mark.parametrize("source", [THINNED, RATED], ids=["counts", "rate and counts"])
def test_the_same_seed_gives_the_same_bits(source: str) -> None:
    first, again, other = (
        fit(source, {"y": SEEN}, seed=seed, steps=30, draws=40) for seed in (5, 5, 6)
    )
    assert first.findings == again.findings
    assert first.findings != other.findings


@pytest.mark.parametrize("after", [3, 70])
def test_a_checkpoint_goes_on_bit_for_bit(after: int) -> None:
    engine, density = Vi(ViOptions(steps=100, draws=300)), posted(RATED, {"y": SEEN})
    state = engine.init(density, torch.Generator().manual_seed(0))
    for _ in range(after):
        state, _ = engine.step(density, state)
    kept, ends = unpack(pack(state, {}), density.device), []
    for onward in (state, kept):
        while engine.done(onward) is None:
            onward, _ = engine.step(density, onward)
        assert onward.fit is not None
        ends.append((*onward.fit.parameters, onward.weights))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_single_precision_is_enough_for_counts() -> None:
    density = posted(THINNED, {"y": SEEN}, precision_name="float32")
    done = finished(ViOptions(steps=200), density)
    assert elbo_of(done).final == pytest.approx(THINNED_EVIDENCE, abs=0.01)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"guide": "mean_field"}, "engine.guide"),
        ({"guide": "delta"}, "engine.guide"),
        ({"guide": "full_rank", "optimizer": "natural_gradient"}, "engine.guide"),
        ({"estimator": "reparameterized"}, "engine.estimator"),
        ({"estimator": "sticking_the_landing"}, "engine.estimator"),
        ({"objective": "iwae"}, "engine.objective"),
        ({"optimizer": "natural_gradient"}, "engine.optimizer"),
        ({"minibatch": 2}, "engine.minibatch"),
    ],
)
def test_what_cannot_serve_discrete_unknowns_is_refused(options: dict[str, Any], path: str) -> None:
    with pytest.raises(DefinitionError, match="'n' is discrete") as caught:
        fit(THINNED, {"y": SEEN}, **options)
    assert caught.value.path == path


def test_the_score_function_may_be_asked_for_by_name() -> None:
    asked = fit(THINNED, {"y": SEEN}, steps=30, estimator="score_function")
    left = fit(THINNED, {"y": SEEN}, steps=30)
    assert asked.findings == left.findings
