"""The sentences of climbs that end nowhere name the place where the parameters run."""

from tests.workers.engines.climbing import climb
from tests.workers.engines.posted import posted
from workers.engines.mle import Mle, MleOptions
from workers.results import Outcome

AT_BOUNDS = """
def model(y, z):
    p = pyro.param("p", torch.tensor(0.5), constraint=constraints.unit_interval)
    a = pyro.param("a", torch.tensor(3.0), constraint=constraints.interval(2.0, 7.5))
    b = pyro.param("b", torch.tensor(-3.0), constraint=constraints.less_than(-2.0))
    pyro.sample("y", dist.Bernoulli(p), obs=y)
    pyro.sample("z", dist.Normal(a, 1.0), obs=z)
    pyro.sample("minus", dist.Normal(b, 1.0), obs=z)
"""


def test_parameters_on_their_bounds_are_named_with_them() -> None:
    found = climb(Mle(MleOptions()), posted(AT_BOUNDS, {"y": [1, 1, 1], "z": [9.0, 11.0]}))
    assert found.outcome == Outcome.UNBOUNDED
    known = {"p goes to 1", "a goes to 7.5", "b goes to -2"}
    assert any(place in found.message for place in known)
    assert not any(word in found.message for word in ("infinity", "edge of its support"))
    assert found.mle is not None
    assert all(e.standard_error is None for e in found.mle.estimate.values())
    assert found.mle.modes is None
    assert found.mle.concavity is None
