"""Reverse mode, forward mode and differences: closed forms, and each other on every density."""

import math

import pytest
import torch
from torch import Tensor

from models.derivatives import forward, reverse
from models.derivatives.derivative import Derivative, Function, Question
from models.derivatives.differences import differences
from models.derivatives.inquiry import MODES
from models.errors import UnavailableError
from tests.models.distribution_cases import CASES, Case
from tests.models.native.test_distributions import distribution

MATRIX = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]]).double()
AT = torch.tensor([0.4, -1.2, 2.0]).double()
DIRECTION = torch.tensor([1.0, 0.0, -2.0]).double()


def bowl(x: Tensor) -> Tensor:
    """Gradient `-A x exp(...)`: not a polynomial, so that differences have something to do."""
    return torch.exp(-0.5 * (x @ MATRIX @ x) / 10)


def close(got: Tensor | None, wanted: Tensor, tolerance: float) -> None:
    assert got is not None
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("mode", "tolerance"), [("reverse", 0), ("forward", 0), ("numeric", 1e-8)])
def test_all_derivatives_are_those_of_the_closed_form(mode: str, tolerance: float) -> None:
    found = MODES[mode](bowl, Question(AT, 2, DIRECTION))
    value, slope = bowl(AT), -(MATRIX @ AT) / 10
    gradient = value * slope
    hessian = value * (torch.outer(slope, slope) - MATRIX / 10)
    tolerance = tolerance or 1e-13
    close(found.value, value, 0.0)
    close(found.gradient, gradient, tolerance)
    close(found.directional, gradient @ DIRECTION, tolerance)
    close(found.hessian, hessian, max(tolerance, 10 * tolerance))
    close(found.hessian_vector, hessian @ DIRECTION, max(tolerance, 10 * tolerance))


@pytest.mark.parametrize("mode", MODES)
def test_of_order_one_there_is_no_hessian(mode: str) -> None:
    found = MODES[mode](bowl, Question(AT))
    assert found.hessian is None
    assert found.directional is None
    assert found.hessian_vector is None


@pytest.mark.parametrize("mode", MODES)
def test_a_function_of_nothing(mode: str) -> None:
    def nothing(x: Tensor) -> Tensor:
        return x.sum() + 3.0

    found = MODES[mode](nothing, Question(torch.zeros(0).double(), 2))
    assert float(found.value) == 3.0
    assert found.gradient.shape == (0,)
    assert found.hessian is not None
    assert found.hessian.shape == (0, 0)


def apart(a: Tensor, b: Tensor) -> float:
    """The largest relative difference."""
    return float(((a - b).abs() / a.abs().maximum(b.abs()).clamp(min=1.0)).max())


def numeric_gradient(case: Case, found: Derivative, exact: Tensor) -> Tensor:
    """The differences, where there are two sides to take them from."""
    gradient = found.gradient
    if case.name in AT_AN_EDGE:
        assert bool(gradient.isnan().any())
        return gradient.where(~gradient.isnan(), exact)
    return gradient


#: Densities that torch approximates, with the bound on how far their derivatives are off.
APPROXIMATE = {"VonMises": 1e-5}
#: Cases whose value, or whose bounds, lie where the density jumps.
AT_AN_EDGE = {"Uniform", "Delta"}
SYMMETRIC = {"MultivariateNormal-covariance", "MultivariateNormal-precision"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_modes_agree_on_every_distribution(case: Case) -> None:
    function, asked = _of(case)
    back = reverse.reverse(function, asked)
    numeric = differences(function, asked)
    bound = APPROXIMATE.get(case.name, 1e-6)
    assert apart(numeric_gradient(case, numeric, back.gradient), back.gradient) < bound
    assert apart(forward.forward(function, asked).gradient, back.gradient) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name not in AT_AN_EDGE],
    ids=str,
)
def test_hessians_agree_on_every_distribution(case: Case) -> None:
    function, asked = _of(case, order=2)
    back, numeric = reverse.reverse(function, asked), differences(function, asked)
    assert back.hessian is not None
    assert numeric.hessian is not None
    assert apart(numeric.hessian, back.hessian) < 100 * APPROXIMATE.get(case.name, 1e-6)
    ahead = forward.forward(function, asked).hessian
    assert ahead is not None
    assert apart(ahead, back.hessian) < 1e-9


def _of(case: Case, order: int = 1) -> tuple[Function, Question]:
    trial = distribution(case)
    parts = [torch.tensor(value, dtype=torch.float64) for value in case.real().values()]
    at = torch.cat([part.reshape(-1) for part in (*parts, case.at(torch.float64))])
    data = trial.arguments(torch.float64)

    def function(z: Tensor) -> Tensor:
        if str(case) in SYMMETRIC:
            # Only a triangle of the matrix is read: which, is nothing to differentiate by.
            z = (z + z[[0, 1, 2, 4, 3, 5, *range(6, len(z))]]) / 2
        return trial.function(z, *data).sum()

    return function, Question(at, order)


def test_differences_know_how_far_they_are_off() -> None:
    for x in (1e-6, 0.3, 50.0):
        at = torch.tensor([x], dtype=torch.float64)
        found = differences(lambda z: torch.lgamma(z).sum(), Question(at))
        assert found.gradient_error is not None
        off = abs(float(found.gradient - torch.digamma(at)))
        assert off <= float(found.gradient_error) <= 1e-5 * abs(float(torch.digamma(at)))


def test_differences_stay_inside_the_support() -> None:
    # Steps are a share of the entry, so a scale near zero stays positive.
    at = torch.tensor([1e-3], dtype=torch.float64)
    found = differences(lambda z: z.log().sum(), Question(at, 2))
    assert math.isclose(float(found.gradient), 1e3, rel_tol=1e-8)
    assert found.hessian is not None
    assert math.isclose(float(found.hessian), -1e6, rel_tol=1e-6)


def test_where_there_is_no_number_there_is_none() -> None:
    found = differences(lambda z: (z - 1.0).sqrt().sum(), Question(torch.tensor([0.5]).double()))
    assert bool(found.gradient.isnan().all())
    assert found.gradient_error is not None
    assert bool(found.gradient_error.isinf().all())


def test_an_operation_without_forward_derivative_is_said() -> None:
    class Square(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, gradient):
            return 2 * ctx.saved_tensors[0] * gradient

    def function(x: Tensor) -> Tensor:
        return Square.apply(x).sum()

    with pytest.raises(UnavailableError, match="reverse"):
        forward.forward(function, Question(AT))
    close(reverse.reverse(function, Question(AT)).gradient, 2 * AT, 1e-14)


def test_an_answer_is_detached() -> None:
    for differentiate in MODES.values():
        found: Derivative = differentiate(bowl, Question(AT, 2, DIRECTION))
        for numbers in vars(found).values():
            assert numbers is None or not numbers.requires_grad
