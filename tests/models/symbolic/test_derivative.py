"""Symbolic derivatives: formulas that are known, and numbers that are reverse mode's."""

import pytest
import sympy as sp
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.derivatives.basis import Basis
from models.derivatives.derivative import Question
from models.derivatives.inquiry import function_of, symbolic_of
from models.derivatives.reverse import reverse
from models.errors import UnavailableError
from models.traced import TracedDensity


def density(source: str, **data) -> TracedDensity:
    definition = parse_definition({"language": "pyro", "source": source})
    return compile_model(definition, load_data(data))


NORMAL = """
def model(y):
    mu = pyro.sample("mu", dist.Normal(0.0, 2.0))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(mu, 1.0), obs=y)
"""


def test_a_normals_formula_is_the_textbooks() -> None:
    model = density(NORMAL, y=[1.0, 2.5, 0.5])
    at = Question(torch.tensor([0.7]).double())
    _, found = symbolic_of(model, "log_likelihood", at)
    mu, y = sp.Symbol("mu", real=True), sp.IndexedBase("y", real=True)
    i = sp.Symbol("i", integer=True, nonnegative=True)
    exact = sp.Sum(-((y[i] - mu) ** 2) / 2 - sp.log(2 * sp.pi) / 2, (i, 0, 2))
    assert sp.simplify((found.value - exact).doit()) == 0
    slope = sp.Sum(y[i] - mu, (i, 0, 2))
    assert sp.simplify((found.gradient["mu"] - slope).doit()) == 0


def test_a_formula_does_not_grow_with_the_rows() -> None:
    at = Question(torch.tensor([0.7]).double())
    few, many = (
        symbolic_of(density(NORMAL, y=[0.1 * n for n in range(size)]), "log_density", at)[1]
        for size in (3, 300)
    )
    assert len(str(few.value)) == pytest.approx(len(str(many.value)), abs=4)


def test_the_derivative_by_an_entry_is_that_of_its_term() -> None:
    source = """
def model(y):
    with pyro.plate("row", len(y)):
        theta = pyro.sample("theta", dist.Normal(0.0, 2.0))
        pyro.sample("y", dist.Normal(theta, 1.0), obs=y)
"""
    at = Question(torch.tensor([0.7, 0.1]).double())
    _, found = symbolic_of(density(source, y=[1.0, 2.0]), "log_density", at)
    m = sp.Symbol("m", integer=True, nonnegative=True)
    theta, y = (sp.IndexedBase(name, real=True) for name in ("theta", "y"))
    assert sp.simplify(found.gradient["theta"] - (y[m] - theta[m] - theta[m] / 4)) == 0


SOURCES = {
    "hierarchy": (
        """
def model(y, group, x):
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(2.0))
    with pyro.plate("group_plate", 3):
        theta = pyro.sample("theta", dist.Normal(mu, tau))
    beta = pyro.sample("beta", dist.Laplace(0.0, 1.0))
    sigma = pyro.sample("sigma", dist.Gamma(2.0, 1.0))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.StudentT(4.0, theta[group] + beta * x, sigma), obs=y)
""",
        {"y": [1.0, 2.0, 0.3, -0.5], "group": [0, 1, 2, 1], "x": [0.5, 1.0, -1.0, 2.0]},
    ),
    "logistic": (
        """
def model(y, x):
    a = pyro.sample("a", dist.Normal(0.0, 2.0))
    b = pyro.sample("b", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=a + x @ b), obs=y)
""",
        {"y": [1, 0, 1], "x": [[0.5, 1.0], [-0.3, 2.0], [1.5, 0.2]]},
    ),
    "counts": (
        """
def model(y, n):
    rate = pyro.sample("rate", dist.Exponential(1.0))
    p = pyro.sample("p", dist.Beta(2.0, 3.0))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Poisson(rate), obs=y)
        pyro.sample("k", dist.Binomial(total_count=n, probs=p), obs=y)
""",
        {"y": [1, 3, 2], "n": [5, 6, 4]},
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_numbers_are_those_of_reverse_mode(name: str) -> None:
    source, data = SOURCES[name]
    model = density(source, **data)
    basis = Basis(model.parameters)
    at = 0.3 + 0.1 * torch.arange(basis.size).double()
    asked = Question(at, 2, torch.ones(basis.size).double())
    found, _ = symbolic_of(model, "log_density", asked)
    exact = reverse(function_of(model, "log_density"), asked)
    for part in ("value", "gradient", "directional", "hessian", "hessian_vector"):
        torch.testing.assert_close(getattr(found, part), getattr(exact, part), rtol=1e-9, atol=1e-9)


def test_what_has_no_closed_form_is_named() -> None:
    source = """
def model(y):
    scale = pyro.sample("scale", dist.LKJCholesky(3, 1.0))
    pyro.sample("y", dist.MultivariateNormal(torch.zeros(3), scale_tril=scale), obs=y)
"""
    model = density(source, y=[0.1, 0.2, 0.3])
    at = Question(torch.eye(3).double().reshape(-1))
    with pytest.raises(UnavailableError, match="has no closed form here"):
        symbolic_of(model, "log_density", at)
