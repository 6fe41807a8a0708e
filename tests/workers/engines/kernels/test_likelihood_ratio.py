"""Likelihood-ratio tests against closed forms and statsmodels; where there is none, a sentence."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.stats import chi2

from tests.workers.densities import FunctionDensity, regression
from tests.workers.engines.climbing import climb, logistic, normal, poisson, tensor
from tests.workers.engines.kernels.test_profile import SHAPES, Y, normal_sample, spread
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings, LikelihoodRatio

DATA = sm.datasets.spector.load_pandas()
DESIGN, GRADE = sm.add_constant(DATA.exog.to_numpy(float)), DATA.endog.to_numpy(float)


def compared(density: Any, restriction: dict[str, Any], **options: Any) -> Findings:
    return climb(Mle(MleOptions(restriction=restriction, **options)), density)


def ratio(found: Findings) -> LikelihoodRatio:
    assert found.mle is not None
    assert found.mle.likelihood_ratio is not None
    return found.mle.likelihood_ratio


def messages(found: Findings) -> dict[str, str]:
    return {w.code: w.message for w in found.diagnostics.warnings} if found.diagnostics else {}


def test_a_mean_with_known_scale_is_the_z_test() -> None:
    density = FunctionDensity(lambda x: normal(tensor(Y), x, 2.0), {"mu": ((), "real")})
    found = ratio(compared(density, {"mu": 0.5}))
    exact = len(Y) * (Y.mean() - 0.5) ** 2 / 4
    assert found.statistic == pytest.approx(exact, rel=1e-9)
    assert found.p_value == pytest.approx(chi2.sf(exact, 1), rel=1e-9)
    assert found.degrees_of_freedom == 1
    assert found.restricted.estimate["mu"].value == pytest.approx(0.5)


def test_a_mean_with_unknown_scale() -> None:
    found = ratio(compared(normal_sample(), {"mu": 0.0}))
    exact = len(Y) * np.log(1 + Y.mean() ** 2 / Y.var())
    assert found.statistic == pytest.approx(exact, rel=1e-8)
    sigma = found.restricted.estimate["sigma"]
    assert sigma.value == pytest.approx(np.sqrt((Y**2).mean()), rel=1e-7)
    assert sigma.standard_error == pytest.approx(sigma.value / np.sqrt(2 * len(Y)), rel=1e-5)
    assert found.restricted.estimate["mu"].standard_error == 0.0


def test_all_unknowns_fixed() -> None:
    found = ratio(compared(normal_sample(), {"mu": 0.0, "sigma": 2.0}))
    mean, variance, n = Y.mean(), Y.var(), len(Y)
    exact = n * ((variance + mean**2) / 4 - 1 - np.log(variance / 4))
    assert found.statistic == pytest.approx(exact, rel=1e-9)
    assert found.degrees_of_freedom == 2
    assert found.p_value == pytest.approx(chi2.sf(exact, 2), rel=1e-8)


def test_linear_regression_agrees_with_compare_lr_test() -> None:
    y = DESIGN @ [1.0, 0.5, -0.2, 0.3] + np.random.default_rng(0).normal(size=len(DESIGN))
    found = ratio(compared(regression(tensor(DESIGN), tensor(y)), {"beta[1]": 0, "beta[3]": 0}))
    small = sm.OLS(y, DESIGN[:, [0, 2]]).fit()
    statistic, p_value, degrees = sm.OLS(y, DESIGN).fit().compare_lr_test(small)
    assert found.statistic == pytest.approx(statistic, abs=1e-6)
    assert found.p_value == pytest.approx(p_value, abs=1e-6)
    assert found.degrees_of_freedom == degrees
    assert found.restricted.log_likelihood == pytest.approx(small.llf, abs=1e-6)
    beta = found.restricted.estimate["beta"].value
    assert beta == pytest.approx([small.params[0], 0.0, small.params[1], 0.0], abs=1e-6)


def test_logistic_and_poisson_regressions_agree_with_glm() -> None:
    counts = np.random.default_rng(1).poisson(np.exp(DESIGN @ [0.1, 0.2, 0.0, 0.3]))
    for density, y, family in (
        (logistic(tensor(DESIGN), tensor(GRADE)), GRADE, sm.families.Binomial()),
        (poisson(tensor(DESIGN), tensor(counts)), counts, sm.families.Poisson()),
    ):
        found = ratio(compared(density, {"beta[1]": 0.5, "beta[2]": 0}))
        full = sm.GLM(y, DESIGN, family=family).fit(tol=1e-13)
        offset = 0.5 * DESIGN[:, 1]
        small = sm.GLM(y, DESIGN[:, [0, 3]], family=family, offset=offset).fit(tol=1e-13)
        assert found.statistic == pytest.approx(2 * (full.llf - small.llf), abs=1e-6)
        assert found.restricted.log_likelihood == pytest.approx(small.llf, abs=1e-6)


def test_a_restriction_that_holds_at_the_maximum_costs_nothing() -> None:
    found = ratio(compared(normal_sample(), {"mu": float(Y.mean())}))
    assert found.statistic == pytest.approx(0.0, abs=1e-8)
    assert found.p_value == pytest.approx(1.0, abs=1e-4)


def test_a_value_on_the_boundary_is_tested_and_told() -> None:
    y = np.array([-1.9, 2.1, 0.3, -0.5, 1.7, -1.2, 0.9, -1.6])
    found = compared(spread(tensor(y)), {"tau": 0})
    total, n = y.var(), len(y)
    # With variance 1 + tau^2 at its estimate, and with 1.
    assert ratio(found).statistic == pytest.approx(n * (total - 1 - np.log(total)), rel=1e-8)
    assert "puts tau on the boundary" in messages(found)["restriction_at_bound"]


def test_a_restriction_under_which_nothing_is_possible_has_no_test() -> None:
    found = compared(normal_sample(), {"sigma": 0})
    assert ratio(found).statistic is None
    assert ratio(found).p_value is None
    assert "not finite where it holds" in messages(found)["no_likelihood_ratio"]


def test_a_maximum_that_is_none_is_not_compared_with() -> None:
    x = np.linspace(-2, 3, 20)
    separated = logistic(tensor(np.column_stack([np.ones(20), x])), tensor((x > 0.3) * 1.0))
    found = compared(separated, {"beta[1]": 0})
    assert found.mle is not None
    assert found.mle.likelihood_ratio is None
    assert "no maximum to compare with" in messages(found)["no_likelihood_ratio"]


def test_a_restricted_likelihood_without_a_maximum_has_no_test() -> None:
    y = tensor([0.5, -0.4, 0.1])

    def likelihood(x: torch.Tensor) -> torch.Tensor:
        # With b = 0 nothing holds a; with b free the ridge closes.
        return normal(y, x[:, :1] * x[:, 1:2], 1.0) - (x[:, 1:2] * (x[:, :1] - 2)) ** 2

    density = FunctionDensity(
        likelihood,
        {"a": ((), "real"), "b": ((), "real")},
        start=lambda g, count: torch.full((count, 2), 0.5, dtype=torch.float64),
    )
    found = compared(density, {"b": 0})
    assert ratio(found).statistic is None
    assert "does not change along one direction in a" in messages(found)["no_likelihood_ratio"]


def test_a_restricted_maximum_above_the_other_is_told() -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return torch.logaddexp(normal(x, 0.0, 1.0), normal(x, 6.0, 0.3) + 3.0)

    density = FunctionDensity(
        likelihood,
        {"m": ((), "real")},
        start=lambda generator, count: torch.zeros(count, 1, dtype=torch.float64),
    )
    found = compared(density, {"m": 6.0})
    assert ratio(found).statistic is None
    assert "higher there than at the estimate" in messages(found)["no_likelihood_ratio"]


def test_the_wald_answer_is_the_same_with_a_test() -> None:
    found = compared(normal_sample(), {"mu": 0.0})
    plain = climb(Mle(MleOptions()), normal_sample())
    assert found.mle is not None
    assert plain.mle is not None
    assert found.mle.estimate == plain.mle.estimate
    assert list(SHAPES) == list(found.mle.estimate)
