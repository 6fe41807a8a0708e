"""Forces in bf16 leave the draws' distribution as it is: what accepts them is exact energies."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats

from tests.workers.densities import GaussianDensity
from tests.workers.engines.posted import (
    LOGISTIC,
    TIERS,
    Gaussian,
    logistic_data,
    posted,
    z_scores,
)
from tests.workers.engines.runs import finished
from workers.engines.chees import CheesOptions
from workers.engines.engine import EngineOptions
from workers.engines.hmc import HmcOptions
from workers.engines.nuts import NutsOptions

Array = np.ndarray[Any, Any]
PRECISIONS = ("float64", "float32", "mixed")
#: A correlated normal whose every force is a product of a matrix and a vector.
PRODUCT = """
def model(P, width):
    x = pyro.sample("x", dist.Normal(0.0, width).expand([5]).to_event(1))
    pyro.factor("product", -0.5 * (x * (P @ x)).sum())
"""
WIDTH = 1e3
SEED = 20_261_125


def correlated() -> tuple[Array, Array]:
    """Return a covariance of condition about 100, and the precision that the text is given."""
    sd = np.logspace(0, 0.7, 5)
    covariance = np.outer(sd, sd) * (0.5 + 0.5 * np.eye(5))
    return covariance, np.linalg.inv(covariance) - np.eye(5) / WIDTH**2


def sampler(engine: str, tier: str) -> EngineOptions:
    compiled = tier == "compiled"
    if engine == "chees":
        return CheesOptions(draws=200 if compiled else 50)
    warmup, draws = (250, 500) if compiled else (100, 50)
    family = NutsOptions if engine == "nuts" else HmcOptions
    return family(chains=16, warmup=warmup, draws=draws, metric="dense", init="pathfinder")


#: Long where gradients come one after another.
CASES = [
    pytest.param(
        tier,
        engine,
        precision,
        marks=pytest.mark.slow if (tier, engine) == ("interpreted", "nuts") else (),
    )
    for tier in TIERS
    for engine in ("chees", "nuts")
    for precision in PRECISIONS
]


def test_mixed_precision_rounds_the_force_and_nothing_else() -> None:
    for tier in TIERS:
        mixed, single = (
            posted(LOGISTIC, logistic_data(), tier, name) for name in ("mixed", "float32")
        )
        z = torch.tensor([[-4.7, 1.2, -0.6, 0.0, 0.5], [0.1, 0.2, 0.3, 0.4, 0.0]])
        for target in (mixed, single):
            assert target.dtype is torch.float32
        (value, slope), (exact, force) = (one.value_and_grad(z) for one in (mixed, single))
        torch.testing.assert_close(value, exact, rtol=1e-6, atol=1e-5)
        error = (slope - force).abs() / force.abs().clamp(min=1.0)
        assert 1e-4 < float(error.max()) < 0.1
        torch.testing.assert_close(mixed.force(z), slope, rtol=1e-2, atol=0.5)


def test_on_the_compiled_tier_an_ascent_may_be_rough_and_its_twin_is_exact() -> None:
    mixed, single = (
        posted(LOGISTIC, logistic_data(), "compiled", name) for name in ("mixed", "float32")
    )
    z = torch.tensor([[-4.7, 1.2, -0.6, 0.0, 0.5], [0.1, 0.2, 0.3, 0.4, 0.0]])
    value, slope = mixed.value_and_grad(z)
    rough = mixed.rough(z, "bfloat16")
    # Its gradient is the force; its value is near, and not exact.
    assert torch.equal(rough[1], slope)
    torch.testing.assert_close(rough[0], value, rtol=1e-2, atol=0)
    assert not torch.equal(rough[0], value)
    assert mixed.exact.tier == "compiled"
    for ours, theirs in zip(mixed.exact.value_and_grad(z), single.value_and_grad(z), strict=True):
        assert torch.equal(ours, theirs)
    half = mixed.rough(z, "float16")
    torch.testing.assert_close(half[0], value, rtol=1e-3, atol=0)
    torch.testing.assert_close(half[1], slope, rtol=1e-2, atol=0.5)


@lru_cache
def truth() -> dict[str, tuple[Array, Array, Array, Array]]:
    """Return means and variances, with their errors, of a long run in float64."""
    options = NutsOptions(chains=32, warmup=400, draws=4000, metric="dense")
    draws = finished(options, posted(LOGISTIC, logistic_data(), "compiled"), seed=5).draws
    found = {}
    for name in draws.names():
        values = draws.values(name).reshape(32, 4000, -1)
        squares = (values - values.mean((0, 1))) ** 2
        found[name] = (*moment(values), *moment(squares))
    return found


def moment(values: Array) -> tuple[Array, Array]:
    """Return averages of `C x N x K` draws, and their errors."""
    each = [array_stats.mcse(values[..., k], method="mean") for k in range(values.shape[2])]
    return values.mean((0, 1)), np.array(each)


@pytest.mark.parametrize(("tier", "engine", "precision"), CASES)
def test_a_logistic_regression(tier: str, engine: str, precision: Any) -> None:
    density = posted(LOGISTIC, logistic_data(), tier, precision)
    draws = finished(sampler(engine, tier), density, SEED).draws
    for name, (mean, mean_error, variance, variance_error) in truth().items():
        values = draws.values(name).reshape(draws.chains, draws.draws, -1)
        for (found, error), expected, known in (
            (moment(values), mean, mean_error),
            (moment((values - mean) ** 2), variance, variance_error),
        ):
            assert (abs(found - expected) < 4 * np.hypot(error, known)).all(), name


@pytest.mark.parametrize("engine", ["chees", "nuts", "hmc"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_product_of_matrices_in_native_code(precision: Any, engine: str) -> None:
    covariance, matrix = correlated()
    density = posted(PRODUCT, {"P": matrix.tolist(), "width": WIDTH}, "compiled", precision)
    draws = finished(sampler(engine, "compiled"), density, SEED).draws
    x = draws.values("x")
    scores = z_scores(
        {
            "mean": (x, np.zeros(5)),
            "variance": (x**2, covariance.diagonal()),
            "covariance": (x[..., 1:] * x[..., :-1], covariance.diagonal(1)),
        }
    )
    assert max(scores.values()) < 4, scores


def rounded(digits: int = 0) -> GaussianDensity:
    """Return a normal whose forces are rounded to bf16, or to steps of `1 / digits`."""
    covariance, _ = correlated()
    density = GaussianDensity(torch.zeros(5), torch.tensor(covariance))
    exact = density.value_and_grad

    def rough(z: torch.Tensor, *target: Any) -> tuple[torch.Tensor, torch.Tensor]:
        value, gradient = exact(z, *target)
        if digits:
            return value, (gradient * digits).round() / digits
        return value, gradient.to(torch.bfloat16).to(gradient.dtype)

    density.value_and_grad = rough  # type: ignore[method-assign]
    density.force = lambda z: rough(z)[1]  # type: ignore[method-assign]
    return density


@pytest.mark.parametrize("engine", ["chees", pytest.param("nuts", marks=pytest.mark.slow), "hmc"])
@pytest.mark.parametrize("digits", [0, 2])
def test_a_normal_with_rounded_forces(engine: str, digits: int) -> None:
    # Steps of a half are far from the gradient, which is of order one: still exact, only slower.
    model = Gaussian()
    model.loc, (model.covariance, _) = np.zeros(5), correlated()
    model.root = np.linalg.cholesky(model.covariance)
    draws = finished(sampler(engine, "interpreted"), rounded(digits), SEED).draws
    scores = z_scores(model.averages(draws))
    assert max(scores.values()) < 4, scores
