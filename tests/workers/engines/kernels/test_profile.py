"""Profile intervals against closed forms, and against the profiles of an independent library."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.optimize import brentq
from scipy.stats import chi2
from torch import Tensor

from tests.workers.densities import FunctionDensity
from tests.workers.engines.climbing import climb, logistic, normal, tensor
from tests.workers.engines.posted import posted
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings, Outcome

Y = np.random.default_rng(0).normal(1.0, 2.0, size=30)
SHAPES: dict[str, tuple[tuple[int, ...], str]] = {"mu": ((), "real"), "sigma": ((), "positive")}


def profiles(density: Any, level: float = 0.95, **options: Any) -> Findings:
    found = climb(Mle(MleOptions(intervals="profile", level=level, **options)), density)
    assert found.outcome == Outcome.CONVERGED
    return found


def ends(found: Findings, name: str) -> np.ndarray:
    assert found.mle is not None
    interval = found.mle.estimate[name].interval
    assert interval is not None
    assert interval.kind == "profile"
    return np.array([interval.lower, interval.upper])


def codes(found: Findings) -> list[str]:
    return [w.code for w in found.diagnostics.warnings] if found.diagnostics else []


def normal_sample(dtype: torch.dtype = torch.float64) -> FunctionDensity:
    y = tensor(Y).to(dtype)
    return FunctionDensity(lambda x: normal(y, x[:, :1], x[:, 1:2]), SHAPES, dtype=dtype)


def closed(level: float) -> tuple[np.ndarray, np.ndarray]:
    """The profile intervals of a normal sample's mean and standard deviation."""
    n, variance, quantile = len(Y), Y.var(), chi2.ppf(level, 1)
    reach = np.sqrt(variance * (np.exp(quantile / n) - 1))

    def fall(sigma: float) -> float:
        return n * (2 * np.log(sigma) - np.log(variance) + variance / sigma**2 - 1) - quantile

    sd = np.sqrt(variance)
    sides = [brentq(fall, 0.1 * sd, sd, xtol=1e-13), brentq(fall, sd, 10 * sd, xtol=1e-13)]
    return Y.mean() + np.array([-reach, reach]), np.array(sides)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_mean_and_standard_deviation_of_a_normal_sample(level: float) -> None:
    found = profiles(normal_sample(), level)
    mean, sd = closed(level)
    np.testing.assert_allclose(ends(found, "mu"), mean, rtol=1e-6)
    np.testing.assert_allclose(ends(found, "sigma"), sd, rtol=1e-6)
    assert codes(found) == []


def test_single_precision_finds_them_to_its_own_digits() -> None:
    found = profiles(normal_sample(torch.float32))
    mean, sd = closed(0.95)
    np.testing.assert_allclose(ends(found, "mu"), mean, rtol=2e-3)
    np.testing.assert_allclose(ends(found, "sigma"), sd, rtol=2e-3)


def test_logistic_regression_agrees_with_profiles_of_glm() -> None:
    data = sm.datasets.spector.load_pandas()
    design, y = sm.add_constant(data.exog.to_numpy(float)), data.endog.to_numpy(float)
    full = sm.Logit(y, design).fit(disp=0, tol=1e-14)
    found = ends(profiles(logistic(tensor(design), tensor(y))), "beta")
    for j in (0, 3):
        others = [k for k in range(4) if k != j]

        def fall(value: float, j: int = j, others: list[int] = others) -> float:
            family = sm.families.Binomial()
            fit = sm.GLM(y, design[:, others], family=family, offset=value * design[:, j])
            return 2 * (full.llf - fit.fit(tol=1e-13).llf) - chi2.ppf(0.95, 1)

        # The likelihood has fallen just so far at both ends.
        assert fall(found[0, j]) == pytest.approx(0.0, abs=1e-6)
        assert fall(found[1, j]) == pytest.approx(0.0, abs=1e-6)


def test_entries_of_a_simplex() -> None:
    source = (
        'def model(y):\n    p = pyro.sample("p", dist.Dirichlet(torch.ones(3)))\n'
        '    with pyro.plate("row", len(y)):\n'
        '        pyro.sample("y", dist.Categorical(p), obs=y)\n'
    )
    counts = np.array([12, 5, 3])
    found = ends(profiles(posted(source, {"y": np.repeat([0, 1, 2], counts).tolist()})), "p")
    for k, n in enumerate(counts):
        top = n / 20

        def fall(p: float, n: int = n, top: float = top) -> float:
            likelihood = n * np.log(top / p) + (20 - n) * np.log((1 - top) / (1 - p))
            return 2 * likelihood - chi2.ppf(0.95, 1)

        exact = [brentq(fall, 1e-9, top, xtol=1e-13), brentq(fall, top, 1 - 1e-9, xtol=1e-13)]
        np.testing.assert_allclose(found[:, k], exact, rtol=1e-6)


def test_only_the_parameters_asked_for_have_profiles() -> None:
    found = profiles(normal_sample(), profile=["sigma"])
    np.testing.assert_allclose(ends(found, "sigma"), closed(0.95)[1], rtol=1e-6)
    assert found.mle is not None
    interval = found.mle.estimate["mu"].interval
    assert interval is not None
    assert interval.kind == "wald"


def spread(y: Tensor) -> FunctionDensity:
    """A variance component on top of a known error of 1."""
    return FunctionDensity(
        lambda x: normal(y, x[:, :1], (1 + x[:, 1:2] ** 2).sqrt()),
        {"mu": ((), "real"), "tau": ((), "positive")},
    )


def test_an_end_beyond_the_bound_is_missing_and_named() -> None:
    found = profiles(spread(tensor([-1.9, 2.1, 0.3, -0.5, 1.7, -1.2, 0.9, -1.6])))
    lower, upper = ends(found, "tau")
    assert lower is None
    assert float(upper) > 2.0
    assert codes(found) == ["no_profile_end"]
    assert found.diagnostics is not None
    assert "lower end of tau" in found.diagnostics.warnings[0].message


def test_a_likelihood_that_is_flat_out_to_infinity_has_no_end_there() -> None:
    # Falls by 1.5 at the most on the right, and without end on the left.
    found = profiles(
        FunctionDensity(
            lambda x: torch.where(x > 0, -1.5 * x**2 / (1 + x**2), -1.5 * x**2),
            {"m": ((), "real")},
        )
    )
    lower, upper = ends(found, "m")
    assert float(lower) == pytest.approx(-np.sqrt(chi2.ppf(0.95, 1) / 3), rel=1e-6)
    assert upper is None
    assert codes(found) == ["no_profile_end"]


def test_a_higher_point_on_the_way_is_told() -> None:
    def likelihood(x: Tensor) -> Tensor:
        return torch.logaddexp(normal(x, 0.0, 1.0), normal(x, 6.0, 0.3) + 3.0)

    density = FunctionDensity(
        likelihood,
        {"m": ((), "real")},
        start=lambda generator, count: torch.zeros(count, 1, dtype=torch.float64),
    )
    found = profiles(density, level=0.99999, restarts=1)
    assert codes(found) == ["profile_higher"]
    assert ends(found, "m")[1] is None
