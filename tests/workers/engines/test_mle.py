"""Maximum likelihood against statsmodels, closed forms, and likelihoods without a maximum."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.workers.densities import FunctionDensity, regression
from tests.workers.engines.climbing import climb, logistic, normal, poisson, tensor
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings, Outcome

REAL: tuple[tuple[int, ...], str] = ((), "real")
POSITIVE: tuple[tuple[int, ...], str] = ((), "positive")
SCHOOLS = tensor([28, 8, -3, 7, -1, 1, 18, 12])
SCHOOLS_SD = tensor([15, 10, 16, 11, 9, 11, 10, 18])


def fit(density: Any, seed: int = 1, **options: Any) -> Findings:
    return climb(Mle(MleOptions(**options)), density, seed)


def values(findings: Findings, name: str) -> tuple[np.ndarray, np.ndarray]:
    assert findings.mle is not None
    estimate = findings.mle.estimate[name]
    return np.array(estimate.value), np.array(estimate.standard_error)


def sample(size: int, seed: int = 0) -> Tensor:
    return tensor(np.random.default_rng(seed).normal(size=size))


@pytest.mark.parametrize(
    ("name", "tolerance"), [("stackloss", 1e-9), ("longley", 1e-5), ("earnings", 1e-9)]
)
def test_regression_agrees_with_ols(name: str, tolerance: float) -> None:
    if name == "earnings":  # its scale: an intercept of -61 000, heights around 66
        height = 60 + 12 * np.random.default_rng(0).random(1000)
        noise = np.random.default_rng(1).normal(size=1000)
        design, y = sm.add_constant(height), -61_000 + 1_300 * height + 19_000 * noise
    else:
        data = getattr(sm.datasets, name).load_pandas()
        design, y = sm.add_constant(data.exog.to_numpy(float)), data.endog.to_numpy(float)
    oracle = sm.OLS(y, design).fit()
    found = fit(regression(tensor(design), tensor(y)))
    assert found.outcome == Outcome.CONVERGED
    beta, error = values(found, "beta")
    np.testing.assert_allclose(beta, oracle.params, rtol=tolerance)
    # statsmodels divides by n - k, maximum likelihood by n.
    n, k = design.shape
    np.testing.assert_allclose(error * np.sqrt(n / (n - k)), oracle.bse, rtol=1e-5)
    assert found.mle is not None
    assert found.mle.log_likelihood == pytest.approx(oracle.llf, abs=1e-7)
    # statsmodels does not count sigma as a parameter.
    assert found.mle.aic == pytest.approx(oracle.aic + 2, abs=1e-6)
    assert found.mle.bic == pytest.approx(oracle.bic + np.log(n), abs=1e-6)
    assert found.mle.curvature is not None
    assert found.mle.curvature.classification == "maximum"


def test_logistic_regression_agrees_with_logit() -> None:
    data = sm.datasets.spector.load_pandas()
    design, y = sm.add_constant(data.exog.to_numpy(float)), data.endog.to_numpy(float)
    oracle = sm.Logit(y, design).fit(disp=0, tol=1e-13)
    found = fit(logistic(tensor(design), tensor(y)))
    beta, error = values(found, "beta")
    np.testing.assert_allclose(beta, oracle.params, atol=1e-8)
    np.testing.assert_allclose(error, oracle.bse, rtol=1e-7)
    assert found.mle is not None
    interval = found.mle.estimate["beta"].interval
    assert interval is not None
    bounds = np.stack([interval.lower, interval.upper], axis=1)
    np.testing.assert_allclose(bounds, oracle.conf_int(), rtol=1e-6)


def test_poisson_regression_agrees_with_poisson() -> None:
    data = sm.datasets.randhie.load_pandas()
    design = sm.add_constant(data.exog.to_numpy(float)[:4000])
    y = data.endog.to_numpy(float)[:4000]
    oracle = sm.Poisson(y, design).fit(disp=0, method="newton", tol=1e-13)
    beta, error = values(fit(poisson(tensor(design), tensor(y)), restarts=2), "beta")
    np.testing.assert_allclose(beta, oracle.params, atol=1e-8)
    np.testing.assert_allclose(error, oracle.bse, rtol=1e-7)


def test_a_sum_of_two_unknowns_is_unidentified() -> None:
    y = sample(30)
    model = FunctionDensity(
        lambda x: normal(y, x[:, :1] + x[:, 1:2], x[:, 2:3]),
        {"a": REAL, "b": REAL, "sigma": POSITIVE},
    )
    found = fit(model)
    assert found.outcome == Outcome.UNIDENTIFIED
    assert found.mle is not None
    assert found.mle.curvature is not None
    assert found.mle.curvature.classification == "flat"
    direction = found.mle.curvature.direction
    assert direction is not None
    assert set(direction) == {"a", "b"}
    assert direction["a"] == pytest.approx(-direction["b"], rel=1e-6)
    assert all(e.standard_error is None for e in found.mle.estimate.values())
    assert "a and b" in found.message
    assert "map, laplace or vi" in found.message


def test_a_product_of_two_unknowns_is_unidentified_along_a_curve() -> None:
    y = 3 + sample(30)
    model = FunctionDensity(lambda x: normal(y, x[:, :1] * x[:, 1:2], 1.0), {"a": REAL, "b": REAL})
    assert fit(model).outcome == Outcome.UNIDENTIFIED


def test_unused_unknowns_are_unidentified_one_by_one() -> None:
    model = FunctionDensity(
        lambda x: normal(SCHOOLS, x[:, 2:], SCHOOLS_SD),
        {"mu": REAL, "tau": POSITIVE, "theta": ((8,), "real")},
        random_effects=("theta",),
    )
    found = fit(model)
    assert found.outcome == Outcome.UNIDENTIFIED
    assert found.mle is not None
    assert found.mle.curvature is not None
    assert found.mle.curvature.direction == {"mu": pytest.approx(1.0)}
    assert "mu and tau" in found.message
    assert found.diagnostics is not None
    assert [w.code for w in found.diagnostics.warnings] == ["random_effect"]


def test_poorly_determined_is_not_unidentified() -> None:
    design = np.vander(1900 + np.arange(40.0), 3)
    y = tensor(design @ [0.01, -3.0, 7.0]) + sample(40)
    oracle = sm.OLS(y.numpy(), design / design.max(0)).fit()
    found = fit(regression(tensor(design / design.max(0)), y))
    assert found.outcome == Outcome.CONVERGED
    np.testing.assert_allclose(values(found, "beta")[1] * np.sqrt(40 / 37), oracle.bse, rtol=1e-4)


@pytest.mark.parametrize("quasi", [False, True])
def test_separated_data_are_unbounded(quasi: bool) -> None:
    x = np.linspace(-2, 3, 20)
    group = np.repeat([0.0, 1.0], 10)
    y = np.where(group == 1, 1.0, np.arange(20) % 3 == 0) if quasi else (x > 0.3) * 1.0
    design = np.column_stack([np.ones(20), x, group] if quasi else [np.ones(20), x])
    found = fit(logistic(tensor(design), tensor(y)))
    assert found.outcome == Outcome.UNBOUNDED
    assert f"beta[{2 if quasi else 1}] goes to infinity" in found.message
    assert values(found, "beta")[1].item() is None


def test_one_observation_of_a_normal_is_unbounded() -> None:
    model = FunctionDensity(
        lambda x: normal(tensor([1.3]), x[:, :1], x[:, 1:2]), {"mu": REAL, "sigma": POSITIVE}
    )
    found = fit(model)
    assert found.outcome == Outcome.UNBOUNDED
    assert "sigma goes to 0" in found.message


def test_a_component_that_collapses_on_a_point_is_unbounded() -> None:
    y = sample(20)

    def likelihood(x: Tensor) -> Tensor:
        parts = [normal(y, x[:, i : i + 1], x[:, i + 2 : i + 3]) for i in (0, 1)]
        return torch.logaddexp(*parts) - np.log(2)

    def start(generator: torch.Generator, count: int) -> Tensor:
        return torch.stack([y.mean(), y.max(), y.std().log(), tensor(-3.0)]).expand(count, 4)

    shapes = {"mu": ((2,), "real"), "sigma": ((2,), "positive")}
    found = fit(FunctionDensity(likelihood, shapes, start=start), restarts=1)
    assert found.outcome == Outcome.UNBOUNDED
    assert "sigma[1] goes to 0" in found.message


def test_restarts_find_the_higher_of_two_modes() -> None:
    def likelihood(x: Tensor) -> Tensor:
        return torch.logaddexp(normal(x, -3.0, 0.5) - 2.0, normal(x, 3.0, 0.5))

    def start(generator: torch.Generator, count: int) -> Tensor:
        return torch.linspace(-3.5, 3.5, count, dtype=torch.float64)[:, None]

    model = FunctionDensity(likelihood, {"m": REAL}, start=start)
    assert values(fit(model, restarts=1), "m")[0] == pytest.approx(-3.0, abs=1e-6)
    best = fit(model, restarts=2)
    assert values(best, "m")[0] == pytest.approx(3.0, abs=1e-6)
    assert best.mle is not None
    assert best.mle.restarts[0] - best.mle.restarts[1] == pytest.approx(2.0, abs=1e-6)


def saddle() -> FunctionDensity:
    return FunctionDensity(
        lambda x: x[:, :1] ** 2 - x[:, :1] ** 4 - x[:, 1:] ** 2,
        {"m": ((2,), "real")},
        start=lambda generator, count: torch.zeros(count, 2, dtype=torch.float64),
    )


def test_a_saddle_is_left() -> None:
    found = fit(saddle())
    assert found.outcome == Outcome.CONVERGED
    assert np.abs(values(found, "m")[0]) == pytest.approx([np.sqrt(0.5), 0.0], abs=1e-6)


def test_estimates_do_not_depend_on_the_batch() -> None:
    y = tensor(np.arange(30) % 7)
    model = poisson(torch.ones(30, 1, dtype=torch.float64), y)
    for restarts in (1, 3):
        beta, error = values(fit(model, restarts=restarts), "beta")
        assert beta == pytest.approx(float(y.mean().log()), abs=1e-10)
        assert error == pytest.approx(float(y.sum().rsqrt()), rel=1e-8)


def test_the_same_seed_gives_the_same_bits() -> None:
    model = regression(sample(60).reshape(20, 3), sample(20, 1))
    assert fit(model, seed=3) == fit(model, seed=3)


def test_too_few_iterations_are_an_outcome() -> None:
    found = fit(regression(sample(60).reshape(20, 3), sample(20, 1)), max_iterations=2)
    assert found.outcome == Outcome.MAX_ITERATIONS
    assert values(found, "sigma")[1].item() is None


def test_float32_reaches_its_own_precision() -> None:
    design, y = sample(300).reshape(100, 3), sample(100, 1)
    exact = values(fit(regression(design, y)), "beta")
    single = fit(regression(design.float(), y.float()))
    assert single.outcome == Outcome.CONVERGED
    np.testing.assert_allclose(values(single, "beta")[0], exact[0], atol=1e-3 * exact[1].max())
    np.testing.assert_allclose(values(single, "beta")[1], exact[1], rtol=1e-3)


@pytest.mark.parametrize(
    "option",
    [{"optimizer": "simplex"}, {"standard_errors": "robust"}, {"restarts": 0}, {"level": 1.0}],
)
def test_what_is_out_of_range_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MleOptions(**option)
