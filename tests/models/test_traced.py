"""TracedDensity against closed forms, finite differences and SciPy."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import Target
from models.traced import TracedDensity

SCHOOLS = """
def model(y, sigma):
    mu = pyro.sample("mu", dist.Normal(0., 5.))
    tau = pyro.sample("tau", dist.HalfCauchy(5.))
    with pyro.plate("school", len(y)):
        eta = pyro.sample("eta", dist.Normal(0., 1.))
        theta = pyro.deterministic("theta", mu + tau * eta)
        pyro.sample("y", dist.Normal(theta, sigma), obs=y)
"""
DATA = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}

MIXTURE = """
def model(y):
    mu = pyro.sample("mu", dist.Normal(torch.tensor([-1., 1.]), 2.).to_event(1))
    w = pyro.sample("w", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("row", len(y)):
        z = pyro.sample("z", dist.Categorical(w))
        pyro.deterministic("which", mu[z])
        pyro.sample("y", dist.Normal(mu[z], 1.), obs=y)
"""
ROWS = {"y": [-1.0, 0.0, 1.0, 2.0, 3.0]}


def density(source: str, data: dict[str, Any], **options: Any) -> TracedDensity:
    definition = parse_definition({"language": "pyro", "source": source})
    return compile_model(definition, load_data(data), **options)


def points(count: int, dim: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, dtype=torch.float64, generator=generator)


@pytest.fixture(scope="module")
def schools() -> TracedDensity:
    return density(SCHOOLS, DATA)


def test_a_parameter_knows_the_plate_of_each_of_its_dimensions() -> None:
    source = """
def model(y):
    mu = pyro.sample("mu", dist.Normal(torch.zeros(2), 1.).to_event(1))
    free = pyro.param("free", torch.zeros(3))
    rows = pyro.plate("row", 3, dim=-2)
    columns = pyro.plate("column", 2, dim=-1)
    with rows, columns:
        a = pyro.sample("a", dist.Normal(0., 1.))
    with rows:
        b = pyro.sample("b", dist.Normal(0., 1.))
    with columns:
        w = pyro.sample("w", dist.Dirichlet(torch.ones(4)))
    z = pyro.sample("z", dist.Bernoulli(0.3))
    mean = a.sum() + b.sum() + w[:, 0].sum() + mu.sum() + free.sum() + z
    pyro.sample("y", dist.Normal(mean, 1.), obs=y)
"""
    found = density(source, {"y": 0.5})
    assert {p.name: p.plates for p in found.parameters} == {
        "mu": (),
        "free": (),
        "a": ("row", "column"),
        "b": ("row", None),
        "w": ("column", None),
    }
    assert {p.name: p.shape for p in found.parameters}["w"] == (2, 4)


def test_the_layout_follows_the_program(schools: TracedDensity) -> None:
    assert [(p.name, p.shape, p.size, p.offset) for p in schools.parameters] == [
        ("mu", (), 1, 0),
        ("tau", (), 1, 1),
        ("eta", (8,), 8, 2),
    ]
    assert [(d.name, d.shape) for d in schools.deterministics] == [("theta", (8,))]
    assert (schools.dim, schools.observations, schools.observed) == (10, 8, ("y",))


def test_every_target_is_the_sum_that_scipy_gives(schools: TracedDensity) -> None:
    z = points(3, 10)
    values = {k: v.numpy() for k, v in schools.constrain(z).items()}
    prior = (
        stats.norm(0, 5).logpdf(values["mu"])
        + stats.halfcauchy(scale=5).logpdf(values["tau"])
        + stats.norm(0, 1).logpdf(values["eta"]).sum(1)
    )
    likelihood = stats.norm(values["theta"], DATA["sigma"]).logpdf(DATA["y"]).sum(1)
    log_det = z[:, 1].numpy()
    for target, expected in [
        (Target.LIKELIHOOD, likelihood),
        (Target.JOINT, prior + likelihood),
        (Target.POSTERIOR, prior + likelihood + log_det),
    ]:
        np.testing.assert_allclose(schools.value(z, target), expected, rtol=1e-12)
    terms = schools.terms(z)
    np.testing.assert_allclose(terms.log_prior, prior, rtol=1e-12)
    np.testing.assert_allclose(terms.log_likelihood, likelihood, rtol=1e-12)
    np.testing.assert_allclose(terms.log_det, log_det, rtol=1e-12)
    assert list(terms.by_site) == ["mu", "tau", "eta", "y"]
    np.testing.assert_allclose(terms.pointwise["y"].sum(1), likelihood, rtol=1e-12)


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize(("source", "data"), [(SCHOOLS, DATA), (MIXTURE, ROWS)])
def test_gradient_and_hessian_match_central_differences(
    source: str, data: dict[str, Any], target: Target
) -> None:
    model = density(source, data)
    z, step = points(2, model.dim), 1e-5
    value, gradient = model.value_and_grad(z, target)
    torch.testing.assert_close(value, model.value(z, target), rtol=1e-13, atol=0)
    hessian = model.hessian(z, target)
    for i in range(model.dim):
        shift = torch.zeros(model.dim, dtype=torch.float64)
        shift[i] = step
        up, down = model.value_and_grad(z + shift, target), model.value_and_grad(z - shift, target)
        slope = (up[0] - down[0]) / (2 * step)
        torch.testing.assert_close(gradient[:, i], slope, rtol=1e-6, atol=1e-7)
        curve = (up[1] - down[1]) / (2 * step)
        torch.testing.assert_close(hessian[:, i], curve, rtol=1e-6, atol=1e-7)


def test_constrain_and_unconstrain_are_inverse(schools: TracedDensity) -> None:
    z = points(4, 10)
    torch.testing.assert_close(schools.unconstrain(schools.constrain(z)), z)


def test_the_jacobian_is_the_derivative_of_constrain(schools: TracedDensity) -> None:
    z, step = points(1, 10), 1e-6
    jacobian = schools.jacobian(z)
    assert jacobian["theta"].shape == (1, 8, 10)
    for i in range(10):
        shift = torch.zeros(10, dtype=torch.float64)
        shift[i] = step
        up, down = schools.constrain(z + shift), schools.constrain(z - shift)
        for name, value in up.items():
            slope = (value - down[name]) / (2 * step)
            torch.testing.assert_close(jacobian[name][..., i], slope, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("support", "shape"),
    [
        ("dist.constraints.real", "(3,)"),
        ("dist.constraints.positive", "(3,)"),
        ("dist.constraints.unit_interval", "(3,)"),
        ("dist.constraints.interval(-1., 2.)", "(3,)"),
        ("dist.constraints.greater_than(1.5)", "(3,)"),
        ("dist.constraints.ordered_vector", "(3,)"),
        ("dist.constraints.positive_ordered_vector", "(3,)"),
    ],
)
def test_log_det_is_that_of_the_jacobian(support: str, shape: str) -> None:
    source = f"""
def model(y):
    x = pyro.sample("x", dist.ImproperUniform({support}, (), {shape}))
    pyro.sample("y", dist.Normal(x.sum(), 1.), obs=y)
"""
    model = density(source, {"y": [0.5]})
    z = points(2, model.dim)
    log_det = torch.linalg.slogdet(model.jacobian(z)["x"]).logabsdet
    torch.testing.assert_close(model.terms(z).log_det, log_det, rtol=1e-9, atol=1e-9)


def test_bounds_may_depend_on_other_parameters() -> None:
    source = """
def model(y):
    top = pyro.sample("top", dist.Exponential(1.))
    x = pyro.sample("x", dist.Uniform(0., top))
    pyro.sample("y", dist.Normal(x, 1.), obs=y)
"""
    model = density(source, {"y": [0.3, 0.4]})
    z = points(5, 2)
    values = model.constrain(z)
    top, x = values["top"].numpy(), values["x"].numpy()
    assert ((x > 0) & (x < top)).all()
    expected = (
        stats.expon.logpdf(top)
        - np.log(top)
        + stats.norm(x, 1).logpdf(0.3)
        + stats.norm(x, 1).logpdf(0.4)
    )
    np.testing.assert_allclose(model.value(z, Target.JOINT), expected, rtol=1e-12)
    log_det = np.log(top) + np.log(x) + np.log1p(-x / top)
    np.testing.assert_allclose(model.terms(z).log_det, log_det, rtol=1e-9)


def test_a_discrete_latent_is_summed_out_per_row() -> None:
    model = density(MIXTURE, ROWS)
    z = points(3, 3)
    values = model.constrain(z)
    rows = torch.tensor(ROWS["y"], dtype=torch.float64)
    components = stats.norm(values["mu"][:, None, :], 1).logpdf(rows[:, None])
    expected = np.logaddexp.reduce(components + np.log(values["w"].numpy())[:, None, :], axis=-1)
    terms = model.terms(z)
    np.testing.assert_allclose(terms.pointwise["y"], expected, rtol=1e-12)
    np.testing.assert_allclose(terms.log_likelihood, expected.sum(1), rtol=1e-12)
    assert {note.code for note in model.notes} == {"summed_out", "not_reported"}
    assert model.deterministics == ()


def test_a_prior_that_depends_on_a_discrete_latent_is_part_of_the_joint() -> None:
    source = """
def model(y):
    z = pyro.sample("z", dist.Bernoulli(0.25))
    x = pyro.sample("x", dist.Normal(3. * z, 1.))
    pyro.sample("y", dist.Normal(x, 1.), obs=y)
"""
    model = density(source, {"y": 0.7})
    z = points(4, 1)
    x = z[:, 0].numpy()
    prior = np.log(0.75 * stats.norm.pdf(x) + 0.25 * stats.norm.pdf(x, 3))
    likelihood = stats.norm.logpdf(0.7, x)
    np.testing.assert_allclose(model.value(z, Target.JOINT), prior + likelihood, rtol=1e-12)
    np.testing.assert_allclose(model.value(z, Target.LIKELIHOOD), likelihood, rtol=1e-12)


def test_a_hidden_markov_chain_in_a_loop() -> None:
    source = """
def model(y):
    p = pyro.sample("p", dist.Beta(2., 2.))
    z = pyro.sample("z_0", dist.Bernoulli(0.5))
    pyro.sample("y_0", dist.Normal(1. * z, 1.), obs=y[0])
    for t in range(1, 5):
        z = pyro.sample("z_" + str(t), dist.Bernoulli(torch.where(z == 1, p, 1 - p)))
        pyro.sample("y_" + str(t), dist.Normal(1. * z, 1.), obs=y[t])
"""
    y = [0.1, 0.8, 1.3, -0.2, 0.6]
    model = density(source, {"y": y})
    z = points(2, 1)
    for row, p in zip(
        model.value(z, Target.LIKELIHOOD), model.constrain(z)["p"].numpy(), strict=True
    ):
        alpha = np.log([0.5, 0.5]) + stats.norm([0, 1], 1).logpdf(y[0])
        move = np.log([[p, 1 - p], [1 - p, p]])
        for value in y[1:]:
            alpha = np.logaddexp.reduce(alpha[:, None] + move, axis=0)
            alpha = alpha + stats.norm([0, 1], 1).logpdf(value)
        np.testing.assert_allclose(row, np.logaddexp.reduce(alpha), rtol=1e-12)


def test_integers_that_shape_the_graph_are_static_and_others_are_inputs() -> None:
    source = """
def model(y, n, k):
    p = pyro.sample("p", dist.Beta(1. * k, 2.).expand([n]).to_event(1))
    pyro.sample("y", dist.Normal(p.sum(), 1.), obs=y)
"""
    model = density(source, {"y": [1.0], "n": 3, "k": 2})
    assert model.dim == 3
    static, inputs = model.data
    assert static == {"n": 3}
    assert "k" in inputs
    z = points(2, 3)
    p = model.constrain(z)["p"].numpy()
    expected = stats.beta(2, 2).logpdf(p).sum(1) + stats.norm(p.sum(1), 1).logpdf(1.0)
    np.testing.assert_allclose(model.value(z, Target.JOINT), expected, rtol=1e-10)


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_low_precision_keeps_its_dtype_and_sums_in_float64(precision: str) -> None:
    source = """
def model(X, y):
    beta = pyro.sample("beta", dist.Normal(0., 1.).expand([3]).to_event(1))
    pyro.sample("y", dist.Bernoulli(logits=X @ beta).to_event(1), obs=y)
"""
    X = points(50, 3, seed=4)
    data = {"X": X.tolist(), "y": (X[:, 0] > 0).int().tolist()}
    reference, model = density(source, data), density(source, data, precision_name=precision)
    z = points(4, 3)
    value, gradient = model.value_and_grad(z.float())
    assert (value.dtype, gradient.dtype) == (torch.float64, torch.float32)
    exact, slope = reference.value_and_grad(z)
    error = 1e-6 if precision == "float32" else 1e-2
    torch.testing.assert_close(value, exact, rtol=error, atol=0)
    torch.testing.assert_close(gradient.double(), slope, rtol=50 * error, atol=50 * error)
    if precision == "mixed":
        assert (value - exact).abs().max() > 1e-7


def test_values_for_an_ascent_are_rounded_and_their_scale_leaves_them_alone() -> None:
    source = """
def model(X, y):
    beta = pyro.sample("beta", dist.Normal(0., 1.).expand([3]).to_event(1))
    pyro.sample("y", dist.Bernoulli(logits=X @ beta).to_event(1), obs=y)
"""
    X = points(50, 3, seed=4)
    data = {"X": X.tolist(), "y": (X[:, 0] > 0).int().tolist()}
    single, mixed = (density(source, data, precision_name=name) for name in ("float32", "mixed"))
    z = points(4, 3).float()
    value, gradient = single.value_and_grad(z)
    for low, error in (("bfloat16", 1e-2), ("float16", 1e-3)):
        rough, slope = mixed.rough(z, low)
        assert (rough.dtype, slope.dtype) == (torch.float64, torch.float32)
        torch.testing.assert_close(rough, value, rtol=error, atol=0)
        torch.testing.assert_close(slope, gradient, rtol=50 * error, atol=50 * error)
        assert not torch.equal(rough, value)
    # A power of two moves no digit, until a product overflows.
    for scale in (2.0**-3, 2.0**8):
        again, scaled = mixed.rough(z, "bfloat16", scale)
        assert torch.equal(again, mixed.rough(z, "bfloat16")[0])
        torch.testing.assert_close(scaled, mixed.rough(z, "bfloat16")[1], rtol=1e-6, atol=1e-6)
    assert not bool(mixed.rough(z, "float16", 2.0**20)[1].isfinite().all())
    assert bool(mixed.rough(z, "float16", 2.0**20)[0].isfinite().all())
    assert single.rough(z, "float16", 2.0**20)[1].equal(gradient)


def test_the_exact_twin_of_a_mixed_density_is_that_of_float32() -> None:
    source = """
def model(X, y):
    beta = pyro.sample("beta", dist.Normal(0., 1.).expand([3]).to_event(1))
    pyro.sample("y", dist.Normal(X @ beta, 1.).to_event(1), obs=y)
"""
    data = {"X": points(20, 3, seed=4).tolist(), "y": [0.5] * 20}
    single, mixed = (density(source, data, precision_name=name) for name in ("float32", "mixed"))
    z = points(4, 3).float()
    assert single.exact is single
    assert mixed.exact is mixed.exact
    assert mixed.exact.exact is mixed.exact
    for ours, theirs in zip(mixed.exact.value_and_grad(z), single.value_and_grad(z), strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(mixed.value_and_grad(z)[1], single.value_and_grad(z)[1])


def test_initial_points_are_prior_draws_and_leave_the_global_generator_alone() -> None:
    source = """
def model(y):
    a = pyro.sample("a", dist.Normal(100., 1.))
    b = pyro.sample("b", dist.ImproperUniform(dist.constraints.real, (), ()))
    c = pyro.param("c", torch.tensor(0.5), constraint=dist.constraints.positive)
    pyro.sample("y", dist.Normal(a + b, c), obs=y)
"""
    model = density(source, {"y": [1.0]})
    before = torch.random.get_rng_state()
    z = model.initial(torch.Generator().manual_seed(1), 500)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(z, model.initial(torch.Generator().manual_seed(1), 500))
    values = model.constrain(z)
    assert abs(values["a"].mean() - 100) < 4 / 500**0.5
    assert ((z[:, 1] > -2) & (z[:, 1] < 2)).all()
    assert z[:, 1].std() > 1
    torch.testing.assert_close(values["c"], torch.full((500,), 0.5, dtype=torch.float64))


def test_initial_points_of_several_threads_do_not_mix() -> None:
    model = density(SCHOOLS, DATA)

    def draw(seed: int) -> Tensor:
        return model.initial(torch.Generator().manual_seed(seed), 20)

    alone = [draw(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(draw, (1, 2)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_outside_the_support_the_log_density_is_minus_infinity_or_nan() -> None:
    source = """
def model(y):
    a = pyro.sample("a", dist.Normal(0., 1.))
    pyro.sample("y", dist.Normal(0., a), obs=y)
"""
    value = density(source, {"y": [1.0]}).value(torch.tensor([[-1.0], [1.0]]).double())
    assert not torch.isfinite(value[0])
    assert torch.isfinite(value[1])


@pytest.mark.parametrize(("source", "data"), [(SCHOOLS, DATA), (MIXTURE, {"y": [-2.0, 0.5, 3.0]})])
def test_pointwise_at_constrained_values_is_that_of_the_terms(source: str, data: Any) -> None:
    known = density(source, data)
    z = torch.randn(5, known.dim, dtype=known.dtype, generator=torch.Generator().manual_seed(3))
    found = known.pointwise(known.constrain(z))
    wanted = known.terms(z).pointwise
    assert found.keys() == wanted.keys() != set()
    for site, rows in wanted.items():
        torch.testing.assert_close(found[site], rows, rtol=1e-12, atol=1e-12)
