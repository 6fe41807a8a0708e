import pytest
import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.func import grad, vmap

from models.distributions import make
from models.errors import DefinitionError
from models.supports import (
    BOUNDED,
    PLAIN,
    constraint_from_name,
    greatest_of,
    is_discrete,
    make_constraint,
    number_of,
    support_name,
    transform_to,
    unconstrained_shape,
)
from tests.models.distribution_cases import CPU

NAMES = [*PLAIN, "interval(0, 2)", "interval(-1.5, 2)", "greater_than(1)", "less_than(-3)"]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_supports_agree_both_ways(name: str) -> None:
    assert support_name(constraint_from_name(name)) == name
    assert support_name(constraint_from_name(f" {name} ")) == name


@pytest.mark.parametrize(
    ("constraint", "name"),
    [
        (constraints.interval(0, 1), "unit_interval"),
        (constraints.greater_than(0), "positive"),
        (constraints.greater_than_eq(torch.zeros(3)), "nonnegative"),
        (constraints.interval(torch.zeros(2), torch.full((2,), 2.0)), "interval(0, 2)"),
        (constraints.interval(torch.tensor([0.0, 1.0]), 2), "interval(low, 2)"),
        (constraints.greater_than(torch.ones((), requires_grad=True)), "greater_than(low)"),
        (constraints.independent(constraints.positive, 2), "positive"),
        (constraints.real_vector, "real"),
        (constraints.boolean, "boolean"),
        (constraints.nonnegative_integer, "nonnegative_integer"),
        (constraints.integer_interval(0, 3), "integer_interval(0, 3)"),
    ],
)
def test_supports_have_pyros_names(constraint: constraints.Constraint, name: str) -> None:
    assert support_name(constraint) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postive", "did you mean 'positive'"),
        ("interval", r"needs 2 bound\(s\), as in interval\(0, 2\)"),
        ("interval(1)", "needs 2 bound"),
        ("interval(2, 1)", "must lie below"),
        ("interval(0, x)", "must be numbers"),
        ("greater_than(inf)", "must be finite"),
        ("greater_than(nan)", "must be finite"),
        ("positive(2)", "takes no bounds"),
        ("__import__('os')", "unknown support"),
        ("", "unknown support"),
    ],
)
def test_bad_names_say_what_to_write(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        constraint_from_name(text)


def test_every_bounded_support_can_be_built() -> None:
    for name, (_, bounds) in BOUNDED.items():
        assert make_constraint(name, [0.0, 1.0][: len(bounds)]) is not None


def test_bounds_of_batched_tensors_have_no_number() -> None:
    seen = []

    def look(bound: Tensor) -> Tensor:
        seen.append(number_of(bound))
        return bound

    vmap(look)(torch.arange(3.0))
    assert seen == [None]


def test_bounds_may_depend_on_other_unknowns() -> None:
    """x uniform on (0, m): d log |det J| / dm = 1 / m, and it works for every chain at once."""

    def log_det(m: Tensor, z: Tensor) -> Tensor:
        fn = make("Uniform", [0, m], {}, dtype=torch.float64, device=CPU)
        transform = transform_to(fn.support)
        return transform.log_abs_det_jacobian(z, transform(z))

    m = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(vmap(grad(log_det))(m, torch.randn_like(m)), 1 / m)


def test_dependent_dimensions_sum_in_the_log_determinant() -> None:
    transform = transform_to(constraints.independent(constraints.positive, 1))
    x = torch.tensor([[0.5, 1.0], [2.0, 3.0]])
    torch.testing.assert_close(transform.log_abs_det_jacobian(x, transform(x)), x.sum(-1))


def test_a_mixture_lies_in_the_hull_of_its_components() -> None:
    mixing = make("Categorical", [(0.5, 0.5)], {}, dtype=torch.float64, device=CPU)
    parts = make("Uniform", [(0, 1), (2, 5)], {}, dtype=torch.float64, device=CPU)
    fn = make("MixtureSameFamily", [mixing, parts], {}, dtype=torch.float64, device=CPU)
    wide = torch.tensor([-60.0, 60.0], dtype=torch.float64)
    torch.testing.assert_close(
        transform_to(fn.support)(wide), torch.tensor([0.0, 5.0], dtype=torch.float64)
    )


@pytest.mark.parametrize("name", ["Poisson", "Bernoulli", "Multinomial"])
def test_discrete_supports_have_no_unconstrained_space(name: str) -> None:
    arguments = {
        "Poisson": {"rate": 1},
        "Bernoulli": {"probs": 0.5},
        "Multinomial": {"probs": (0.5, 0.5)},
    }[name]
    fn = make(name, (), arguments, dtype=torch.float64, device=CPU)
    with pytest.raises(DefinitionError, match="no continuous unconstrained space"):
        transform_to(fn.support)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("Poisson", {"rate": 1}, float("inf")),
        ("Bernoulli", {"probs": 0.5}, 1.0),
        ("Categorical", {"probs": (0.2, 0.3, 0.5)}, 2),
        ("Binomial", {"total_count": (3, 5), "probs": 0.5}, [3.0, 5.0]),
    ],
)
def test_discrete_supports_know_their_greatest_value(
    name: str, arguments: dict[str, object], expected: object
) -> None:
    fn = make(name, (), arguments, dtype=torch.float64, device=CPU)
    for support in (fn.support, constraints.independent(fn.support, 1)):
        found = greatest_of(support)
        assert (found.tolist() if isinstance(found, Tensor) else found) == expected
        assert is_discrete(support_name(support))


def test_continuous_supports_are_not_discrete() -> None:
    assert not any(is_discrete(name) for name in ("real", "interval(0, 2)", "simplex"))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("real", (3,), (3,)),
        ("simplex", (2, 3), (2, 2)),
        ("lower_cholesky", (3, 3), (6,)),
        ("corr_cholesky", (5, 3, 3), (5, 3)),
        ("ordered_vector", (4,), (4,)),
    ],
)
def test_unconstrained_shapes(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert unconstrained_shape(PLAIN[name], shape) == expected
