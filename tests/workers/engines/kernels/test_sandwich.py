"""Robust standard errors against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from tests.workers.densities import regression
from tests.workers.engines.climbing import climb, logistic, poisson, tensor
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings


def fit(density) -> Findings:
    return climb(Mle(MleOptions(standard_errors="sandwich")), density)


def errors(found: Findings, name: str = "beta") -> np.ndarray:
    assert found.mle is not None
    return np.array(found.mle.estimate[name].standard_error)


@pytest.mark.parametrize("family", ["logit", "poisson"])
def test_they_are_those_of_statsmodels(family: str) -> None:
    rng = np.random.default_rng(5)
    design = sm.add_constant(rng.normal(size=(300, 2)))
    eta = design @ [0.2, 0.5, -0.4]
    if family == "logit":
        y = (rng.random(300) < 1 / (1 + np.exp(-eta))).astype(float)
        oracle = sm.Logit(y, design).fit(disp=0, tol=1e-13, cov_type="HC0")
        found = fit(logistic(tensor(design), tensor(y)))
    else:
        # Twice as much variance as a Poisson has: the observed information is too sure.
        y = rng.negative_binomial(2, 2 / (2 + np.exp(eta))).astype(float)
        oracle = sm.Poisson(y, design).fit(disp=0, tol=1e-13, cov_type="HC0")
        found = fit(poisson(tensor(design), tensor(y)))
        plain = climb(Mle(MleOptions()), poisson(tensor(design), tensor(y)))
        assert (errors(found) > 1.1 * errors(plain)).all()
    np.testing.assert_allclose(errors(found), oracle.bse, rtol=1e-6)


def test_of_a_regression_with_uneven_noise_they_are_whites() -> None:
    rng = np.random.default_rng(6)
    design = sm.add_constant(rng.normal(size=(400, 1)))
    y = design @ [1.0, 2.0] + rng.normal(size=400) * (0.5 + abs(design[:, 1]))
    oracle = sm.OLS(y, design).fit(cov_type="HC0")
    found = fit(regression(tensor(design), tensor(y)))
    # sigma is estimated too; its scores are correlated with beta's by chance alone.
    np.testing.assert_allclose(errors(found), oracle.bse, rtol=0.02)


def test_aicc_is_the_textbooks() -> None:
    rng = np.random.default_rng(7)
    design = sm.add_constant(rng.normal(size=(20, 2)))
    y = design @ [1.0, 2.0, 0.0] + rng.normal(size=20)
    found = fit(regression(tensor(design), tensor(y)))
    assert found.mle is not None
    assert found.mle.aic is not None
    assert found.mle.aicc == pytest.approx(found.mle.aic + 2 * 4 * 5 / (20 - 4 - 1))
