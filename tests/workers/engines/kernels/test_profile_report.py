"""Which intervals a result has, and what is said where there is no profile."""

from typing import Any

import torch

from models.density import AbstractLogDensity
from tests.workers.engines.climbing import NoDraws, climb
from tests.workers.engines.kernels.test_profile import codes, normal_sample
from tests.workers.engines.posted import posted
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings, Outcome

TIED = """
def model(x, y):
    low = pyro.sample("low", dist.Normal(0.0, 1.0))
    inside = pyro.sample("inside", dist.Uniform(low, low + 2.0))
    pyro.sample("x", dist.Normal(low, 1.0), obs=x)
    pyro.sample("y", dist.Normal(inside, 1.0), obs=y)
"""
DATA = {"x": [0.3, -0.2, 0.5], "y": [1.4, 0.8, 1.1]}


def kinds(found: Findings) -> dict[str, str]:
    assert found.mle is not None
    return {name: e.interval.kind for name, e in found.mle.estimate.items() if e.interval}


def test_a_parameter_whose_support_hangs_on_another_keeps_its_wald_interval() -> None:
    density = posted(TIED, DATA)
    found = climb(Mle(MleOptions(intervals="profile")), density)
    assert kinds(found) == {"low": "profile", "inside": "wald"}
    assert codes(found) == ["no_profile"]
    alone = climb(Mle(MleOptions(intervals="profile", profile=["inside"])), density)
    assert kinds(alone) == {"low": "wald", "inside": "wald"}
    assert codes(alone) == ["no_profile"]


def stopped(density: AbstractLogDensity, **options: Any) -> Findings:
    """A run that is stopped as soon as it has begun what follows the climb."""
    engine = Mle(MleOptions(**options))
    state = engine.init(density, torch.Generator().manual_seed(1))
    while state.climb.verdict is None:
        state, _ = engine.step(density, state)
    assert engine.done(state) is None
    return engine.finish(density, state, Outcome.STOPPED, NoDraws())


def test_a_run_that_was_stopped_has_no_ends_and_no_test() -> None:
    found = stopped(normal_sample(), intervals="profile", restriction={"mu": 0})
    assert found.outcome == Outcome.STOPPED
    assert kinds(found) == {}
    assert found.mle is not None
    assert found.mle.likelihood_ratio is None
    assert abs(found.mle.estimate["mu"].value) > 0
