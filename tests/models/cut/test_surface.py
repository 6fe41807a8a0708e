"""Through the cut: the same numbers as by differentiating the model itself."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.compile import compile_model
from models.cut.surface import Surface
from models.definition import parse_definition
from models.density import Target
from models.precision import PrecisionName
from models.trace import fenced
from models.traced import TracedDensity

ROWS, GROUPS = 700, 6

_HEAD = """def model(x, y, g):
    alpha = pyro.sample("alpha", dist.Normal(0.0, 2.5))
    beta = pyro.sample("beta", dist.Normal(0.0, 2.5).expand([x.shape[1]]).to_event(1))
    tau = pyro.sample("tau", dist.HalfNormal(2.0))
    sigma = pyro.sample("sigma", dist.HalfNormal(2.0))
    with pyro.plate("group", 6):
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))
    a = pyro.deterministic("a", alpha + tau * eta)
    with pyro.plate("row", len(y)):
        pyro.sample("y", {}, obs=y)
"""
#: By name: the likelihood, and whether it can be cut.
CASES = {
    "logistic": ("dist.Bernoulli(logits=a[g] + x @ beta)", True),
    "poisson": ("dist.Poisson(torch.exp(a[g] + x @ beta - 0.5))", True),
    "negative binomial": ("dist.GammaPoisson(sigma, sigma / torch.exp(a[g] + x @ beta))", True),
    "gaussian": ("dist.Normal(alpha + (x * beta).sum(-1), sigma)", True),
    "hierarchy": ("dist.Normal(a[g] + 2.0 * beta[0] * x[:, 0] - x @ beta / 3.0, sigma)", True),
    "own scale for every row": ("dist.StudentT(4.0, x @ beta, sigma * torch.exp(eta[g]))", True),
    "a column twice": ("dist.Normal(eta[g] * x[:, 1] + eta[-g] * x[:, 0], sigma + tau)", True),
    "numbers of rows meet": ("dist.Normal(torch.cumsum(x @ beta, -1), sigma)", False),
    "a mixture": (
        "dist.MixtureSameFamily(dist.Categorical(torch.ones(len(y), 2) / 2.0), "
        "dist.Normal(torch.stack([x @ beta, a[g]], -1), sigma))",
        False,
    ),
}
CUT = [name for name, (_, cut) in CASES.items() if cut]


def _model(name: str, precision: PrecisionName = "float64") -> TracedDensity:
    rng = np.random.default_rng(1)
    data: dict[str, Any] = {
        "x": rng.normal(size=(ROWS, 3)),
        "y": rng.integers(0, 2, ROWS).astype(float),
        "g": rng.integers(0, GROUPS, ROWS),
    }
    source = _HEAD.format(CASES[name][0])
    if "g]" not in CASES[name][0]:
        source, _ = source.replace("x, y, g)", "x, y)"), data.pop("g")
    definition = parse_definition({"language": "pyro", "source": source})
    return compile_model(definition, data, precision_name=precision)


def _point(density: TracedDensity, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.4 * torch.randn(2, density.dim, generator=generator, dtype=torch.float64)


def _direct(density: TracedDensity, target: Target, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, gradient and Hessian by differentiating the interpreted model."""

    def value(row: Tensor) -> Tensor:
        return density._points.value(target)(row, *density._arguments)[0]

    gradient = torch.func.grad(value)
    with fenced():
        return value(z), gradient(z), torch.func.jacrev(gradient)(z)


def _far(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("name", CUT)
def test_value_gradient_and_hessian_are_the_model_s_own(name: str, target: Target) -> None:
    density = _model(name)
    surface = density.surface(target)
    assert surface is not None
    z = _point(density)
    values, gradients = surface.value_and_grad(z)
    for row, value, gradient in zip(z, values, gradients, strict=True):
        expected = _direct(density, target, row)
        assert _far(value, expected[0]) < 1e-12
        assert _far(gradient, expected[1]) < 1e-11
        assert _far(surface.hessian(row), expected[2]) < 1e-10
    assert torch.equal(surface.value(z), values)


@pytest.mark.parametrize("name", [name for name in CASES if name not in CUT])
def test_what_cannot_be_cut_is_differentiated_as_before(name: str) -> None:
    density = _model(name)
    assert density.surface(Target.LIKELIHOOD) is None
    z = _point(density)[:1]
    expected = _direct(density, Target.LIKELIHOOD, z[0])[2]
    assert _far(density.hessian(z, Target.LIKELIHOOD)[0], expected) < 1e-12


@pytest.mark.parametrize("name", ["logistic", "negative binomial"])
def test_the_density_s_own_derivatives_come_through_it(name: str) -> None:
    density = _model(name)
    surface, z = density.surface(Target.JOINT), _point(density)
    assert surface is not None
    value, gradient = density.value_and_grad(z, Target.JOINT)
    assert torch.equal(value, surface.value(z))
    assert torch.equal(gradient, surface.value_and_grad(z)[1])
    assert torch.equal(density.hessian(z, Target.JOINT)[1], surface.hessian(z[1]))


def test_single_precision_stays_single() -> None:
    density, exact = _model("negative binomial", "float32"), _model("negative binomial")
    surface, double = density.surface(Target.JOINT), exact.surface(Target.JOINT)
    assert surface is not None
    assert double is not None
    z = _point(density)
    value, gradient = surface.value_and_grad(z.float())
    assert (value.dtype, gradient.dtype) == (torch.float64, torch.float32)
    assert _far(gradient, double.value_and_grad(z)[1]) < 1e-4
    assert _far(surface.hessian(z[0].float()), double.hessian(z[0])) < 1e-4


def test_a_point_outside_of_what_can_be_computed_is_no_error() -> None:
    surface = _surface("gaussian")
    z = torch.full((1, 12), 800.0, dtype=torch.float64)
    value, gradient = surface.value_and_grad(z)
    assert not bool(value.isfinite().all() & gradient.isfinite().all())


def _surface(name: str) -> Surface:
    surface = _model(name).surface(Target.LIKELIHOOD)
    assert surface is not None
    return surface


def test_rows_left_out_are_stood_for_by_their_neighbours() -> None:
    density = _model("logistic")
    surface = _surface("logistic")
    z = _point(density)
    whole, thin = surface.value(z), surface.thinned(7).value(z)
    by_row = torch.stack([_rows(density, row)[::7].mean() * ROWS for row in z])
    assert _far(thin, by_row) < 1e-12
    assert not torch.equal(thin, whole)
    assert torch.equal(surface.value(z), whole)


def _rows(density: TracedDensity, z: Tensor) -> Tensor:
    values = {name: value[None] for name, value in density.constrain_one(z).items()}
    return density.pointwise({p.name: values[p.name] for p in density.parameters})["y"][0]


def test_few_rows_are_not_worth_a_cut() -> None:
    definition = parse_definition({"language": "catalog", "name": "eight_schools"})
    data = {"y": np.arange(8.0), "sigma": np.ones(8)}
    assert compile_model(definition, data).surface(Target.JOINT) is None
