"""Optimisers and variational inference on models as they are posted, against exact answers."""

import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from pydantic import TypeAdapter
from scipy.special import betaln, gammaln

from models.compile import compile_model
from models.definition import ModelDefinition
from models.density import AbstractLogDensity
from tests.workers.engines.runs import finished
from workers.engines.map import MapOptions
from workers.engines.mle import MleOptions
from workers.engines.vi import ViOptions
from workers.results import Findings, Outcome

DEFINITION: TypeAdapter[Any] = TypeAdapter(ModelDefinition)


def graph(
    sites: list[dict[str, Any]], data: dict[str, Any], precision: Any = "float64", **rest: Any
) -> AbstractLogDensity:
    definition = DEFINITION.validate_python({"language": "graph", "sites": sites, **rest})
    arrays = {name: np.array(values) for name, values in data.items()}
    return compile_model(definition, arrays, precision_name=precision)


def regression(name: str, observation: dict[str, Any]) -> tuple[AbstractLogDensity, Any, Any]:
    data = getattr(sm.datasets, name).load_pandas()
    design, y = sm.add_constant(data.exog.to_numpy(float)), data.endog.to_numpy(float)
    beta = {"name": "beta", "parameter": {"shape": [design.shape[1]]}}
    scale = {"name": "sigma", "parameter": {"support": "positive"}}
    sites = [beta, scale] if "sigma" in str(observation) else [beta]
    sites.append({"name": "y", "observed": "y", **observation})
    return graph(sites, {"X": design, "y": y}), design, y


def check(found: Findings, oracle: Any, scale: float = 1.0) -> None:
    assert found.outcome == Outcome.CONVERGED
    assert found.mle is not None
    beta = found.mle.estimate["beta"]
    assert beta.value == pytest.approx(oracle.params, rel=1e-6, abs=1e-6)
    assert np.array(beta.standard_error) * scale == pytest.approx(oracle.bse, rel=1e-4)
    assert found.mle.log_likelihood == pytest.approx(oracle.llf, abs=1e-6)


def test_ols() -> None:
    args = {"distribution": "Normal", "args": {"loc": "X @ beta", "scale": "sigma"}}
    model, design, y = regression("stackloss", args)
    rows, columns = design.shape
    found = finished(MleOptions(), model).findings
    check(found, sm.OLS(y, design).fit(), math.sqrt(rows / (rows - columns)))


def test_logit() -> None:
    args = {"distribution": "Bernoulli", "args": {"logits": "X @ beta"}}
    model, design, y = regression("spector", args)
    check(finished(MleOptions(), model).findings, sm.Logit(y, design).fit(disp=0, tol=1e-13))


@pytest.mark.slow
def test_poisson() -> None:
    args = {"distribution": "Poisson", "args": {"rate": "exp(X @ beta)"}}
    model, design, y = regression("randhie", args)
    oracle = sm.Poisson(y, design).fit(disp=0, method="newton", tol=1e-13)
    check(finished(MleOptions(restarts=2), model).findings, oracle)


def eight_schools() -> AbstractLogDensity:
    sites = [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "tau", "distribution": "HalfCauchy", "args": {"scale": 5}},
        {
            "name": "theta",
            "distribution": "Normal",
            "args": {"loc": "mu", "scale": "tau"},
            "plates": ["school"],
        },
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "theta", "scale": "sigma"},
            "plates": ["school"],
            "observed": "y",
        },
    ]
    data = {"y": [28.0, 8, -3, 7, -1, 1, 18, 12], "sigma": [15.0, 10, 16, 11, 9, 11, 10, 18]}
    return graph(sites, data, plates={"school": "len(y)"})


def test_eight_schools_has_no_maximum_likelihood_and_no_mode() -> None:
    model = eight_schools()
    mle = finished(MleOptions(), model)
    assert mle.findings.outcome == Outcome.UNIDENTIFIED
    assert "mu and tau" in mle.findings.message
    assert mle.codes() == ["random_effect"]
    assert mle.findings.mle is not None
    assert mle.findings.mle.estimate["theta"].value == pytest.approx(
        [28.0, 8, -3, 7, -1, 1, 18, 12], abs=1e-6
    )
    mode = finished(MapOptions(), model)
    assert mode.findings.outcome == Outcome.UNBOUNDED
    assert "tau goes to 0" in mode.findings.message


def normal_mean(precision: str) -> tuple[AbstractLogDensity, float, float, float]:
    """Return a model, its posterior mean and sd, and its log evidence."""
    y = np.random.default_rng(0).normal(3, 2, size=50)
    sites = [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 10}},
        {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 2}, "observed": "y"},
    ]
    weight = 1 / 100 + 50 / 4
    covariance = 4 * np.eye(50) + 100.0
    evidence = -0.5 * (50 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1])
    evidence -= 0.5 * y @ np.linalg.solve(covariance, y)
    return graph(sites, {"y": y}, precision), y.sum() / 4 / weight, weight**-0.5, evidence


def linear(precision: str) -> tuple[AbstractLogDensity, np.ndarray, np.ndarray, float]:
    """Return a model, its posterior means and sds, and its log evidence."""
    rng = np.random.default_rng(1)
    design = rng.normal(size=(200, 4))
    y = design @ [1.0, -0.5, 0.2, 0.0] + rng.normal(size=200)
    prior = {"name": "b", "distribution": "Normal", "args": {"loc": "zeros(4)", "scale": 10}}
    args = {"loc": "X @ b", "scale": 1}
    seen = {"name": "y", "distribution": "Normal", "args": args, "observed": "y"}
    variance = np.linalg.inv(design.T @ design + np.eye(4) / 100)
    covariance = np.eye(200) + 100 * design @ design.T
    evidence = -0.5 * (200 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1])
    evidence -= 0.5 * y @ np.linalg.solve(covariance, y)
    model = graph([prior, seen], {"X": design, "y": y}, precision)
    return model, variance @ design.T @ y, np.sqrt(np.diag(variance)), evidence


@pytest.mark.slow
def test_full_rank_on_a_normal_mean() -> None:
    model, mean, sd, evidence = normal_mean("float64")
    found = finished(ViOptions(guide="full_rank"), model).findings
    assert found.elbo is not None
    assert found.elbo.final == pytest.approx(evidence, abs=0.01)
    assert found.summary is not None
    assert found.summary["mu"].mean == pytest.approx(mean, abs=0.02 * sd)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "close"), [("float64", 0.02), ("mixed", 0.05)])
def test_full_rank_on_a_linear_regression(precision: str, close: float) -> None:
    model, mean, sd, evidence = linear(precision)
    found = finished(ViOptions(guide="full_rank"), model).findings
    assert found.summary is not None
    assert np.abs((np.array(found.summary["b"].mean) - mean) / sd).max() < close
    assert found.elbo is not None
    if precision == "float64":
        assert found.elbo.final == pytest.approx(evidence, abs=0.01)


@pytest.mark.slow
def test_mean_field_on_a_proportion() -> None:
    sites = [
        {
            "name": "p",
            "distribution": "Beta",
            "args": {"concentration1": 2, "concentration0": 2},
        },
        {
            "name": "y",
            "distribution": "Binomial",
            "args": {"total_count": 40, "probs": "p"},
            "observed": "y",
        },
    ]
    found = finished(ViOptions(), graph(sites, {"y": 13.0})).findings
    a, b = 15.0, 29.0
    evidence = betaln(a, b) - betaln(2, 2) + gammaln(41) - gammaln(14) - gammaln(28)
    sd = math.sqrt(a * b / (a + b + 1)) / (a + b)
    assert found.elbo is not None
    assert found.elbo.final == pytest.approx(evidence, abs=0.01)
    assert found.summary is not None
    assert found.summary["p"].mean == pytest.approx(a / (a + b), abs=0.02 * sd)
    assert found.diagnostics is not None
    assert found.diagnostics.warnings == []
