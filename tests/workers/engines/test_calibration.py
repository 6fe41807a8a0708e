"""Simulation-based calibration: where parameters are drawn from the prior and data from them, a
parameter's rank among posterior draws is uniform.

Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv 1804.06788. One compiled program serves
all replications: each binds a data set of its own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from tests.workers.engines.posted import posted
from tests.workers.engines.runs import finished
from workers.engines.chees import CheesOptions
from workers.engines.engine import EngineOptions
from workers.engines.nuts import NutsOptions

Array = np.ndarray[Any, Any]
Simulated = tuple[dict[str, float], dict[str, Any]]
REPLICATIONS = 500
#: Posterior draws that a rank is taken among: 33 ranks, three of which make a bin.
AMONG, BINS = 32, 11
#: Below this a test fails; there are 12 of them.
LEAST = 0.001

NORMAL = """
def model(y):
    mu = pyro.sample("mu", dist.Normal(0.0, 2.0))
    sigma = pyro.sample("sigma", dist.HalfNormal(1.5))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(mu, sigma), obs=y)
"""
GROUPS = """
def model(y, sigma):
    mu = pyro.sample("mu", dist.Normal(0.0, 2.0))
    tau = pyro.sample("tau", dist.HalfNormal(1.0))
    with pyro.plate("group", len(y)):
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))
        theta = pyro.deterministic("theta", mu + tau * eta)
        pyro.sample("y", dist.Normal(theta, sigma), obs=y)
"""


def normal(source: np.random.Generator) -> Simulated:
    mu, sigma = 2.0 * source.standard_normal(), 1.5 * abs(source.standard_normal())
    y = mu + sigma * source.standard_normal(8)
    return {"mu": mu, "sigma": sigma}, {"y": y.tolist()}


def groups(source: np.random.Generator) -> Simulated:
    mu, tau = 2.0 * source.standard_normal(), abs(source.standard_normal())
    theta = mu + tau * source.standard_normal(5)
    y = theta + 0.7 * source.standard_normal(5)
    truth = {"mu": mu, "tau": tau, "theta 0": theta[0], "theta 4": theta[4]}
    return truth, {"y": y.tolist(), "sigma": 0.7}


MODELS: dict[str, tuple[str, Callable[[np.random.Generator], Simulated]]] = {
    "normal": (NORMAL, normal),
    "groups": (GROUPS, groups),
}
#: Runs whose draws, as many as `AMONG`, are nearly independent: the last of every chain of many,
#: or every tenth of a few.
RUNS: dict[str, tuple[EngineOptions, slice]] = {
    "chees": (CheesOptions(chains=AMONG, warmup=80, draws=8), slice(7, None)),
    "nuts": (NutsOptions(chains=4, warmup=150, draws=80), slice(9, None, 10)),
}


def entry(draws: Any, name: str) -> Array:
    name, _, index = name.partition(" ")
    values: Array = draws.values(name)
    return values[..., int(index)] if index else values


@pytest.mark.slow
@pytest.mark.parametrize("engine", RUNS)
@pytest.mark.parametrize("model", MODELS)
def test_ranks_are_uniform(model: str, engine: str) -> None:
    text, simulate = MODELS[model]
    options, kept = RUNS[engine]
    source = np.random.default_rng(20_261_125)
    ranks: dict[str, list[int]] = {}
    for replication in range(REPLICATIONS):
        truth, data = simulate(source)
        draws = finished(options, posted(text, data, "compiled"), seed=replication).draws
        for name, value in truth.items():
            chosen = entry(draws, name)[:, kept].reshape(-1)
            assert len(chosen) == AMONG
            ranks.setdefault(name, []).append(int((chosen < value).sum()))
    expected = REPLICATIONS / BINS
    for name, found in ranks.items():
        counts = np.bincount(np.array(found) * BINS // (AMONG + 1), minlength=BINS)
        p = chi2.sf(((counts - expected) ** 2 / expected).sum(), BINS - 1)
        assert p > LEAST, (name, counts.tolist())
        # A drift that bins are too coarse for: the mean rank, within 4 standard errors.
        middle = (np.mean(found) - AMONG / 2) / np.sqrt(AMONG * (AMONG + 2) / 12 / REPLICATIONS)
        assert abs(middle) < 4, (name, middle)
