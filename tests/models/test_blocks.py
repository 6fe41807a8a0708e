"""A log density added up block by block is the whole one, in every part."""

import numpy as np
import pytest
import torch

from models.blocks import BlockedDensity
from models.density import Target
from models.minibatch import MinibatchModel
from models.rows import find_rows
from models.traced import TracedDensity
from tests.models.running import body
from tests.models.test_rows import compiled

SOURCE = body(
    'beta = pyro.sample("beta", dist.Normal(0.0, 5.0).expand([2]).to_event(1))',
    'sigma = pyro.sample("sigma", dist.HalfNormal(2.0))',
    'odds = pyro.deterministic("odds", torch.exp(beta))',
    'fitted = pyro.deterministic("fitted", X @ beta)',
    'with pyro.plate("row", len(y)):',
    '    pyro.sample("y", dist.Normal(fitted, sigma), obs=y)',
    arguments="X, y",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 2))
Y = X @ [1.0, -0.5] + RNG.normal(size=70)
Z = torch.tensor([[0.3, -0.8, 0.1], [1.0, 0.5, -0.4]], dtype=torch.float64)


@pytest.fixture(scope="module")
def whole() -> TracedDensity:
    return compiled(SOURCE, X=X, y=Y)


@pytest.fixture(scope="module")
def blocked(whole: TracedDensity) -> BlockedDensity:
    return BlockedDensity(MinibatchModel(whole, find_rows(whole)), 32)


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("target", [Target.LIKELIHOOD, Target.POSTERIOR])
def test_value_and_derivatives(
    whole: TracedDensity, blocked: BlockedDensity, target: Target
) -> None:
    value, gradient = blocked.value_and_grad(Z, target)
    exact, slope = whole.value_and_grad(Z, target)
    close(value, exact)
    close(blocked.value(Z, target), exact)
    close(gradient, slope)
    close(blocked.hessian(Z, target), whole.hessian(Z, target))


def test_scores_and_information(whole: TracedDensity, blocked: BlockedDensity) -> None:
    close(blocked.scores(Z), whole.scores(Z))
    close(blocked.score_products(Z[0]), whole.score_products(Z[0]))
    information, exact = blocked.information(Z[0]), whole.information(Z[0])
    assert information is not None
    assert exact is not None
    close(information, exact)


def test_terms(whole: TracedDensity, blocked: BlockedDensity) -> None:
    found, exact = blocked.terms(Z), whole.terms(Z)
    for name in ("log_prior", "log_likelihood", "log_det"):
        close(getattr(found, name), getattr(exact, name))
    assert list(found.by_site) == list(exact.by_site)
    for name, value in exact.by_site.items():
        close(found.by_site[name], value)
    close(found.pointwise["y"], exact.pointwise["y"])


def test_what_grows_with_the_rows_is_not_reported(
    whole: TracedDensity, blocked: BlockedDensity
) -> None:
    assert blocked.dropped == ("fitted",)
    assert blocked.observations == 70
    values = blocked.constrain(Z)
    assert list(values) == ["beta", "sigma", "odds"]
    close(values["odds"], whole.constrain(Z)["odds"])
    assert list(blocked.jacobian(Z)) == ["beta", "sigma", "odds"]
    close(blocked.unconstrain({n: values[n] for n in ("beta", "sigma")}), Z)
