"""Standard errors from the expected information, on models as they are posted."""

import numpy as np
import pytest
import statsmodels.api as sm

from tests.workers.engines.climbing import climb
from tests.workers.engines.posted import posted
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings

RNG = np.random.default_rng(8)
X = RNG.normal(size=(250, 2))
ETA = 0.3 + X @ np.array([0.5, -0.7])
HEAD = """
def model(x, y):
    a = pyro.param("a", torch.tensor(0.0))
    b = pyro.param("b", torch.zeros(2))
    eta = a + x @ b
    with pyro.plate("row", len(y)):
        pyro.sample("y", {family}, obs=y)
"""


def fit(family: str, y: np.ndarray, **options: str) -> Findings:
    density = posted(HEAD.format(family=family), {"x": X, "y": y})
    return climb(Mle(MleOptions(**options)), density)


def errors(found: Findings) -> np.ndarray:
    assert found.mle is not None
    estimate = found.mle.estimate
    return np.array([estimate["a"].standard_error, *estimate["b"].standard_error])


GLMS = {
    "cloglog": (
        "dist.Bernoulli(1 - torch.exp(-torch.exp(eta)))",
        lambda: (RNG.random(250) < 1 - np.exp(-np.exp(ETA))) * 1.0,
        lambda: sm.families.Binomial(link=sm.families.links.CLogLog()),
    ),
    "negative binomial": (
        "dist.NegativeBinomial(2.0, logits=eta - torch.log(torch.tensor(2.0)))",
        lambda: RNG.negative_binomial(2, 2 / (2 + np.exp(ETA))) * 1.0,
        lambda: sm.families.NegativeBinomial(alpha=0.5),
    ),
    "poisson": (
        "dist.Poisson(torch.exp(eta))",
        lambda: RNG.poisson(np.exp(ETA)) * 1.0,
        lambda: sm.families.Poisson(),
    ),
}


@pytest.mark.parametrize("name", GLMS)
def test_they_are_those_of_a_generalised_linear_model(name: str) -> None:
    family, draw, link = GLMS[name]
    y = draw()
    oracle = sm.GLM(y, sm.add_constant(X), family=link()).fit(tol=1e-12)
    found = fit(family, y.astype(int), standard_errors="expected")
    assert found.diagnostics is None
    np.testing.assert_allclose(errors(found), oracle.bse, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["natural_gradient", "newton"])
def test_fisher_scoring_finds_the_maximum(optimizer: str) -> None:
    family, draw, _ = GLMS["cloglog"]
    y = draw().astype(int)
    plain, scored = fit(family, y), fit(family, y, optimizer=optimizer)
    assert plain.mle is not None
    assert scored.mle is not None
    assert scored.mle.estimate["b"].value == pytest.approx(plain.mle.estimate["b"].value, abs=1e-8)
    assert scored.mle.iterations < 15


def test_without_a_closed_form_the_scores_stand_in_and_it_is_said() -> None:
    y = RNG.negative_binomial(5, 5 / (5 + np.exp(ETA)))
    found = fit("dist.GammaPoisson(5.0, 5.0 / torch.exp(eta))", y, standard_errors="expected")
    assert found.diagnostics is not None
    assert [warning.code for warning in found.diagnostics.warnings] == ["empirical_information"]
    observed = fit("dist.GammaPoisson(5.0, 5.0 / torch.exp(eta))", y)
    np.testing.assert_allclose(errors(found), errors(observed), rtol=0.25)
