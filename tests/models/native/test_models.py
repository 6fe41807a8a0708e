"""Whole models on the compiled tier beside the interpreted one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.catalog import catalog
from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import Target
from models.traced import TracedDensity
from tests.benchmarks.basket import ROWS
from tests.models.running import EIGHT, body

MIXTURE = body(
    'mu = pyro.sample("mu", dist.Normal(torch.tensor([-1., 1.]), 2.).to_event(1))',
    'w = pyro.sample("w", dist.Dirichlet(torch.ones(2)))',
    'with pyro.plate("row", len(y)):',
    '    z = pyro.sample("z", dist.Categorical(w))',
    '    pyro.sample("y", dist.Normal(mu[z], 1.), obs=y)',
)
CHAIN = body(
    'stay = pyro.sample("stay", dist.Dirichlet(torch.ones(2, 2)).to_event(1))',
    'mu = pyro.param("mu", torch.tensor([-1., 1.]), constraint=constraints.ordered_vector)',
    "log_alpha = -0.5 * (y[0] - mu) ** 2",
    "for t in range(1, len(y)):",
    "    moved = torch.logsumexp(log_alpha[:, None] + stay.log(), 0)",
    "    log_alpha = moved - 0.5 * (y[t] - mu) ** 2",
    'pyro.factor("hidden", torch.logsumexp(log_alpha, 0))',
)
CATEGORIES = body(
    'cut = pyro.param("cut", torch.tensor([-1., 0., 1.]), constraint=constraints.ordered_vector)',
    'beta = pyro.sample("beta", dist.Laplace(0., 1.))',
    'with pyro.plate("row", len(y)):',
    '    pyro.sample("y", dist.OrderedLogistic(beta * x, cut), obs=y)',
    arguments="x, y",
)
CORRELATED = body(
    'tau = pyro.sample("tau", dist.HalfCauchy(2.).expand([3]).to_event(1))',
    'chol = pyro.sample("chol", dist.LKJCholesky(3, 2.))',
    "scale = tau[:, None] * chol",
    'pyro.deterministic("covariance", scale @ scale.T)',
    'with pyro.plate("row", len(y)):',
    '    pyro.sample("y", dist.MultivariateNormal(torch.zeros(3), scale_tril=scale), obs=y)',
)
CATEGORIES_OF_MANY = body(
    'beta = pyro.sample("beta", dist.Normal(torch.zeros(2, 3), 1.).to_event(2))',
    'with pyro.plate("row", len(y)):',
    '    pyro.sample("y", dist.Categorical(logits=x @ beta), obs=y)',
    arguments="x, y",
)
_X = torch.linspace(-2.0, 2.0, 24)
#: Texts with their data.
TEXTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "discrete latents": (MIXTURE, {"y": _X.tolist()}),
    "hidden chain": (CHAIN, {"y": _X[:6].tolist()}),
    "ordered categories": (CATEGORIES, {"x": _X.tolist(), "y": [n % 4 for n in range(24)]}),
    "correlations": (CORRELATED, {"y": _X.reshape(8, 3).tolist()}),
    "categories": (
        CATEGORIES_OF_MANY,
        {"x": _X.reshape(12, 2).tolist(), "y": [n % 3 for n in range(12)]},
    ),
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-3}


def density(
    definition: Mapping[str, Any], data: Mapping[str, Any], precision: str
) -> TracedDensity:
    return compile_model(
        parse_definition(dict(definition)), load_data(dict(data)), precision_name=precision
    )


def points(model: TracedDensity, count: int = 19) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    wide = torch.randn(count, model.dim, dtype=torch.float64, generator=generator)
    return (0.5 * wide).to(model.dtype)


def compare(model: TracedDensity, cache: Path, target: Target = Target.POSTERIOR) -> None:
    z, tolerance = points(model), TOLERANCE[model.dtype]
    before = (*model.value_and_grad(z, target), model.constrain(z))
    model.compile(cache, target)
    after = (*model.value_and_grad(z, target), model.constrain(z))
    torch.testing.assert_close(after, before, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("precision", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str, precision: str, native_cache: Path) -> None:
    source, data = TEXTS[name]
    compare(density({"language": "pyro", "source": source}, data, precision), native_cache)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog())
def test_the_catalogue(name: str, native_cache: Path) -> None:
    ready = catalog()[name]
    compare(density({"language": "catalog", "name": name}, ready.data, "float64"), native_cache)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32", "mixed"])
@pytest.mark.parametrize("name", [name for name in ROWS if name != "logistic_100k"])
def test_the_benchmarks(name: str, precision: str, native_cache: Path) -> None:
    row = ROWS[name]
    compare(density(row.definition(), row.data(), precision), native_cache)


@pytest.mark.parametrize("target", [Target.LIKELIHOOD, Target.JOINT])
def test_every_target(target: Target, native_cache: Path) -> None:
    compare(
        density({"language": "catalog", "name": "eight_schools"}, EIGHT, "float64"),
        native_cache,
        target,
    )
