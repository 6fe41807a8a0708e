"""Models with discrete unknowns whose posterior is known."""

import numpy as np
from scipy import stats

from models.mixed import MixedDensity
from tests.workers.engines.posted import posted

#: Six events on average, of which four in ten are seen: those not seen are Poisson, whatever is.
THINNED = """
def model(y):
    with pyro.plate("row", len(y)):
        n = pyro.sample("n", dist.Poisson(6.0))
        pyro.sample("y", dist.Binomial(n, 0.4), obs=y)
"""
SEEN = [0, 2, 5, 1, 3]
UNSEEN = stats.poisson(3.6)
THINNED_EVIDENCE = float(stats.poisson(2.4).logpmf(SEEN).sum())

#: The same at an unknown rate: what is seen is Poisson of four tenths of it, so the rate is Gamma.
RATED = """
def model(y):
    rate = pyro.sample("rate", dist.Gamma(3.0, 0.5))
    with pyro.plate("row", len(y)):
        n = pyro.sample("n", dist.Poisson(rate))
        pyro.sample("y", dist.Binomial(n, 0.4), obs=y)
"""
#: One of two means for every row.
SWITCHED = """
def model(y):
    with pyro.plate("row", len(y)):
        z = pyro.sample("z", dist.Bernoulli(0.3))
        pyro.sample("y", dist.Normal(2.0 * z, 1.0), obs=y)
"""
ROWS = np.array([-0.5, 0.4, 1.0, 1.6, 2.9])
_ON, _OFF = 0.3 * stats.norm(2, 1).pdf(ROWS), 0.7 * stats.norm(0, 1).pdf(ROWS)
PROBABILITIES = _ON / (_ON + _OFF)
SWITCHED_EVIDENCE = float(np.log(_ON + _OFF).sum())

#: Latents of two plates that meet: they cannot be summed out.
CROSSED = """
def model(y):
    rows, columns = pyro.plate("row", 2, dim=-2), pyro.plate("column", 2, dim=-1)
    with rows:
        a = pyro.sample("a", dist.Bernoulli(0.4))
    with columns:
        b = pyro.sample("b", dist.Bernoulli(0.4))
    with rows, columns:
        pyro.sample("y", dist.Normal(1.5 * (a + b + a * b), 1.0), obs=y)
"""
TABLE = [[1.0, 3.0], [0.2, 1.2]]


def mixed(source: str, **data: object) -> MixedDensity:
    return MixedDensity(posted(source, data))


def thinned() -> MixedDensity:
    return mixed(THINNED, y=SEEN)


def crossed() -> MixedDensity:
    return mixed(CROSSED, y=TABLE)
