"""What is known of other maxima: by structure, by a point that proves it, or nothing."""

import numpy as np
import torch

from tests.workers.densities import FunctionDensity
from tests.workers.engines.climbing import climb, normal, tensor
from tests.workers.engines.posted import LOGISTIC, logistic_data, posted
from workers.engines.map import Map, MapOptions
from workers.engines.mle import Mle, MleOptions
from workers.results import Concavity, Findings

Y = tensor(np.random.default_rng(0).normal(1.0, 2.0, size=30))


def known(found: Findings) -> Concavity:
    assert found.mle is not None
    assert found.mle.concavity is not None
    return found.mle.concavity


def test_a_logistic_regression_has_one_maximum_by_its_structure() -> None:
    density = posted(LOGISTIC, logistic_data())
    for engine in (Mle(MleOptions(restarts=1)), Map(MapOptions(restarts=1))):
        found = known(climb(engine, density))
        assert found.verdict == "concave"
        assert "log-concave family" in found.how


def test_a_point_that_curves_upwards_proves_that_it_is_not_concave() -> None:
    density = FunctionDensity(lambda x: -torch.log1p(x**2), {"m": ((), "real")})
    found = known(climb(Mle(MleOptions()), density))
    assert found.verdict == "not_concave"
    assert "standard errors from the maximum" in found.how


def test_where_nothing_tells_it_says_what_was_looked_at() -> None:
    density = FunctionDensity(lambda x: normal(Y, x, 2.0), {"m": ((), "real")})
    found = known(climb(Mle(MleOptions(restarts=3)), density))
    assert found.verdict == "unknown"
    assert "Of 3 starts, 3 came to this maximum" in found.how
