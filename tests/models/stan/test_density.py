"""Stan programs behind the LogDensity face: every type, against closed forms and differences."""

import numpy as np
import pytest
import torch

from models.density import Target
from models.errors import DataError, UnavailableError
from tests.models.stan.programs import CASES, Case, built


def points(dim: int, count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(dim)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64)


def differences(values: torch.Tensor) -> np.ndarray:
    return (values[1:] - values[0]).numpy()


@pytest.mark.parametrize("name", CASES)
def test_a_type_means_what_stan_says(name: str) -> None:
    case: Case = CASES[name]
    density = built(case.source(), case.data)
    z = points(density.dim)
    *_, last = density.parameters
    assert (last.name, last.support) == ("x", case.support)
    assert last.offset + last.size == density.dim

    # The density of the constrained values, up to a constant.
    values = {name: value.numpy() for name, value in density.constrain(z).items()}
    rows = [{name: value[row] for name, value in values.items()} for row in range(len(z))]
    joint, slope = density.value_and_grad(z, Target.JOINT)
    wanted = np.array([case.log_density(row) for row in rows])
    np.testing.assert_allclose(differences(joint), wanted[1:] - wanted[0], rtol=1e-8, atol=1e-10)

    # log |det J| of the entries that the density is of.
    jacobian = density.jacobian(z)
    blocks = []
    for parameter in density.parameters:
        whole = jacobian[parameter.name].numpy()  # C x shape x D
        free = case.free if parameter.name == "x" else lambda value: value.reshape(-1)
        columns = [np.stack([free(row[..., d]) for row in whole]) for d in range(density.dim)]
        blocks.append(np.stack(columns, axis=-1))
    own = np.linalg.slogdet(np.concatenate(blocks, axis=1))[1]
    log_det = density.terms(z).log_det.numpy()
    np.testing.assert_allclose(log_det[1:] - log_det[0], own[1:] - own[0], rtol=1e-7, atol=1e-8)

    # The three targets, and the gradients as differences of the values.
    posterior, gradient = density.value_and_grad(z)
    np.testing.assert_allclose(posterior.numpy(), joint.numpy() + log_det, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(density.value(z, Target.LIKELIHOOD), joint, rtol=0.0, atol=0.0)
    width = 1e-5
    for target, found in ((Target.POSTERIOR, gradient), (Target.JOINT, slope)):
        moves = width * torch.eye(density.dim, dtype=torch.float64)
        above, below = density.value(z[0] + moves, target), density.value(z[0] - moves, target)
        numeric = (above - below) / (2 * width)
        torch.testing.assert_close(found[0], numeric, rtol=1e-5, atol=1e-6)

    # There and back.
    again = density.unconstrain({n: torch.from_numpy(v) for n, v in values.items()})
    torch.testing.assert_close(again, z, rtol=1e-6, atol=1e-7)


def test_a_unit_vector_goes_there_and_back_on_its_sphere() -> None:
    density = built("parameters { unit_vector[3] x; } model { x[1] ~ normal(1, 2); }")
    z = points(density.dim)
    value = density.constrain(z)["x"]
    torch.testing.assert_close(value.norm(dim=1), torch.ones(3, dtype=torch.float64))
    again = density.constrain(density.unconstrain({"x": value}))["x"]
    torch.testing.assert_close(again, value)
    assert density.parameters[0].support == "sphere"


REGRESSION = """
data { int<lower=0> N; vector[N] x; vector[N] y; }
parameters { real a; real b; real<lower=0> s; }
transformed parameters { vector[N] mean_y = a + b * x; }
model { a ~ normal(0, 10); b ~ normal(0, 10); s ~ exponential(1); y ~ normal(mean_y, s); }
generated quantities {
  vector[N] log_lik;
  for (n in 1:N) log_lik[n] = normal_lpdf(y[n] | mean_y[n], s);
  array[2] int dice = {poisson_rng(4), poisson_rng(4)};
  real noisy = normal_rng(a, s);
}
"""
LINE = {"N": 5, "x": [1, 2, 3, 4, 5], "y": [2.1, 3.9, 6.2, 7.8, 10.1]}


@pytest.fixture(scope="module")
def regression():
    return built(REGRESSION, LINE)


def test_names_and_shapes_are_the_programs(regression) -> None:
    assert [(p.name, p.shape, p.size, p.offset) for p in regression.parameters] == [
        ("a", (), 1, 0),
        ("b", (), 1, 1),
        ("s", (), 1, 2),
    ]
    shapes = {d.name: d.shape for d in regression.deterministics}
    assert shapes == {"mean_y": (5,), "log_lik": (5,), "dice": (2,), "noisy": ()}
    values = regression.constrain(points(3))
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "a": (3,), "b": (3,), "s": (3,),
        "mean_y": (3, 5), "log_lik": (3, 5), "dice": (3, 2), "noisy": (3,),
    }  # fmt: skip
    torch.testing.assert_close(
        values["mean_y"], values["a"][:, None] + values["b"][:, None] * torch.arange(1.0, 6.0)
    )


def test_a_matrix_has_rows_and_columns_where_the_program_has_them() -> None:
    source = """
    data { array[2] matrix[2, 3] m; }
    parameters { real x; }
    model { x ~ normal(0, 1); }
    generated quantities { array[2] matrix[2, 3] out = m; }
    """
    m = np.arange(12.0).reshape(2, 2, 3)
    found = built(source, {"m": m.tolist()}).constrain(points(1))["out"]
    np.testing.assert_array_equal(found.numpy(), np.broadcast_to(m, (3, 2, 2, 3)))


def test_generated_quantities_are_drawn_anew_for_every_row_and_alike_for_a_seed() -> None:
    z = points(3, 1).expand(200, -1)
    first, again, other = (
        built(REGRESSION, LINE, seed=seed).constrain(z)["noisy"] for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert not (first == other).any()
    mean, scale = z[0, 0], z[0, 2].exp()
    # 200 independent draws of a normal.
    assert abs(float(first.mean() - mean)) < 4 * float(scale) / 200**0.5
    assert abs(float(first.std() / scale) - 1) < 4 / 400**0.5


def test_the_seed_reaches_transformed_data() -> None:
    source = """
    transformed data { real m = normal_rng(0, 1); }
    parameters { real a; }
    model { a ~ normal(m, 1); }
    generated quantities { real told = m; }
    """
    one, same, other = (
        float(built(source, seed=seed).constrain(points(1, 1))["told"]) for seed in (1, 1, 2)
    )
    assert one == same != other


def test_the_hessian_is_that_of_the_normal_equations(regression) -> None:
    # At s = 1 the Hessian of the likelihood in (a, b) is -X'X, and -1/100 of the priors.
    z = torch.tensor([[0.3, 1.7, 0.0]], dtype=torch.float64)
    x = np.stack([np.ones(5), np.arange(1.0, 6.0)], axis=1)
    found = regression.hessian(z, Target.JOINT)[0].numpy()
    np.testing.assert_allclose(found[:2, :2], -x.T @ x - np.eye(2) / 100, rtol=1e-8)
    np.testing.assert_array_equal(found, found.T)


def test_the_scores_are_the_residuals(regression) -> None:
    z = torch.tensor([[0.3, 1.7, 0.0]], dtype=torch.float64)
    x = np.arange(1.0, 6.0)
    residual = np.array(LINE["y"]) - 0.3 - 1.7 * x
    wanted = np.stack([residual, residual * x, residual**2 - 1], axis=1)
    np.testing.assert_allclose(regression.scores(z)[0].numpy(), wanted, rtol=1e-8, atol=1e-9)
    values = regression.constrain(z)
    rows = regression.pointwise({name: values[name] for name in ("a", "b", "s")})
    torch.testing.assert_close(rows["log_lik"], values["log_lik"])
    assert regression.observations == 5


def test_without_log_lik_there_are_no_scores() -> None:
    density = built("parameters { real a; } model { a ~ normal(0, 1); }")
    with pytest.raises(UnavailableError, match="log_lik"):
        density.scores(points(1))
    assert density.observations == 0
    assert density.pointwise(density.constrain(points(1))) == {}


def test_outside_the_support_the_log_density_is_minus_infinity_and_says_why() -> None:
    density = built(
        'parameters { real a; } model { if (a > 0) reject("no a = ", a); a ~ normal(0, 1); }'
    )
    z = torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
    value, gradient = density.value_and_grad(z)
    assert value.tolist() == [-0.5, -np.inf]
    assert gradient.tolist() == [[1.0], [0.0]]
    assert density.trouble(z[1]) == "no a = 2"
    assert density.trouble(z[0]) is None
    assert density.value(z, Target.JOINT).tolist() == [-0.5, -np.inf]


def test_a_generated_quantity_that_fails_costs_no_parameter() -> None:
    density = built(
        "parameters { real a; } model { a ~ normal(0, 1); } "
        "generated quantities { real s = normal_rng(0, a); }"
    )
    values = density.constrain(torch.tensor([[-1.0], [2.0]], dtype=torch.float64))
    assert values["a"].tolist() == [-1.0, 2.0]
    assert values["s"].isfinite().tolist() == [False, True]


def test_values_outside_of_their_supports_have_no_point() -> None:
    density = built("parameters { real<lower=0> a; } model { a ~ normal(0, 1); }")
    with pytest.raises(DataError, match="a"):
        density.unconstrain({"a": torch.tensor([-1.0])})


def test_single_precision_takes_and_gives_float32() -> None:
    from models.data import load_data
    from models.precision import precision
    from models.stan.compile import compile_stan

    density = compile_stan(REGRESSION, load_data(LINE), precision("float32"))
    z = points(3).to(torch.float32)
    value, gradient = density.value_and_grad(z)
    assert (value.dtype, gradient.dtype) == (torch.float64, torch.float32)
    wide, _ = built(REGRESSION, LINE).value_and_grad(z.to(torch.float64))
    assert (value == wide).all()
    assert density.constrain(z)["a"].dtype == torch.float32


def test_many_points_are_the_same_as_one_by_one(regression) -> None:
    # More than fit into the shared memory at once.
    z = points(3, 9000)
    value, gradient = regression.value_and_grad(z)
    one, slope = regression.value_and_grad(z[8999:])
    assert (value[8999:] == one).all()
    assert (gradient[8999:] == slope).all()


def test_starts_are_uniform_on_the_unconstrained_scale(regression) -> None:
    z = regression.initial(torch.Generator().manual_seed(1), 500)
    assert z.shape == (500, 3)
    assert -2 <= float(z.min()) < -1.9 < 1.9 < float(z.max()) <= 2


@pytest.mark.parametrize("name", ["array of simplexes", "covariance", "bound of a parameter"])
def test_parameters_alone_are_what_they_are_among_all(name: str) -> None:
    case: Case = CASES[name]
    density = built(case.source(), case.data)
    z = points(density.dim)
    alone, whole = density.constrain_parameters(z), density.constrain(z)
    assert list(alone) == [parameter.name for parameter in density.parameters]
    assert all((alone[key] == whole[key]).all() for key in alone)


def test_parameters_alone_draw_no_random_numbers() -> None:
    z = points(3, 4)
    first = built(REGRESSION, LINE, seed=5)
    other = built(REGRESSION, LINE, seed=5)
    alone = other.constrain_parameters(z)
    assert list(alone) == ["a", "b", "s"]
    assert (first.constrain(z)["noisy"] == other.constrain(z)["noisy"]).all()


def test_of_large_data_parameters_and_functions_are_the_same() -> None:
    source = """
    data { int N; vector[N] y; }
    parameters { real<lower=0> a; vector[2] b; }
    transformed parameters { vector[2] c = a * b; }
    model { a ~ normal(0, 1); b ~ normal(0, 1); }
    """
    z = points(3)
    small, large = (built(source, {"N": n, "y": np.linspace(0, 1, n)}) for n in (2, 100_000))
    for found in (small.constrain_parameters(z), large.constrain_parameters(z)):
        assert list(found) == ["a", "b"]
        torch.testing.assert_close(found["a"], z[:, 0].exp(), rtol=1e-15, atol=0)
        assert (found["b"] == z[:, 1:]).all()
    for density in (small, large):
        found = density.constrain(z)
        torch.testing.assert_close(found["c"], found["a"][:, None] * found["b"], rtol=1e-15, atol=0)


def test_where_transformed_parameters_are_rejected_there_are_no_values() -> None:
    density = built(
        "parameters { real a; } transformed parameters { real b = a; if (a > 1) reject(a); } "
        "model { a ~ normal(0, 1); }"
    )
    z = torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
    alone, values = density.constrain_parameters(z), density.constrain(z)
    for found in (alone["a"], values["a"], values["b"]):
        assert found[0] == -1.0
        assert found[1].isnan()
