"""Coordinates around a point: entries where they are free, tangent spaces where they are not."""

import pytest
import torch

from models.derivatives.derivative import Derivative, Question
from models.stan.chart import Chart, chart_at
from tests.models.stan.programs import built

ROOT = 2.0**-0.5


def test_free_entries_are_their_own_coordinates() -> None:
    density = built("parameters { real<lower=0> a; matrix[2, 2] b; } model { a ~ normal(0, 1); }")
    at = torch.tensor([3.0, 1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    chart = chart_at(density, at)
    assert torch.equal(chart.along, torch.eye(5).double())
    assert torch.equal(chart.at, at)
    assert torch.equal(chart.entries(at[None])[0], at)


@pytest.mark.parametrize(
    ("declared", "value", "normals"),
    [
        ("simplex[3] x;", [0.2, 0.3, 0.5], [[1.0, 1.0, 1.0]]),
        ("sum_to_zero_vector[3] x;", [1.0, -3.0, 2.0], [[1.0, 1.0, 1.0]]),
        ("unit_vector[3] x;", [0.6, 0.0, 0.8], [[0.6, 0.0, 0.8]]),
        ("cov_matrix[2] x;", [2.0, 0.5, 0.5, 1.0], [[0.0, ROOT, -ROOT, 0.0]]),
        (
            "corr_matrix[2] x;", [1.0, 0.5, 0.5, 1.0],
            [[0.0, ROOT, -ROOT, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        ),
        ("cholesky_factor_cov[2] x;", [2.0, 0.0, 0.5, 1.0], [[0.0, 1.0, 0.0, 0.0]]),
        (
            "cholesky_factor_corr[2] x;", [1.0, 0.0, 0.6, 0.8],
            [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.6, 0.8]],
        ),
        ("simplex[1] x;", [1.0], [[1.0]]),
    ],
)  # fmt: skip
def test_the_others_move_in_the_tangent_space(
    declared: str, value: list[float], normals: list[list[float]]
) -> None:
    density = built(f"parameters {{ real a; {declared} }} model {{ a ~ normal(0, 1); }}")
    at = torch.tensor([0.7, *value], dtype=torch.float64)
    chart = chart_at(density, at)
    assert chart.along.shape == (len(at), len(at) - len(normals))
    across = torch.tensor(normals, dtype=torch.float64) @ chart.along[1:]
    assert float(across.abs().max()) < 1e-8 if across.numel() else True
    torch.testing.assert_close(chart.entries(chart.at[None])[0], at)


def chart(along: list[list[float]]) -> Chart:
    matrix = torch.tensor(along, dtype=torch.float64)
    return Chart(torch.zeros(len(matrix)).double(), matrix, torch.zeros(matrix.shape[1]).double())


def test_derivatives_come_back_by_entries() -> None:
    found = chart([[1.0, 0.0], [0.0, ROOT], [0.0, -ROOT]])
    gradient = torch.tensor([3.0, 2.0], dtype=torch.float64)
    hessian = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64)
    lifted = found.lift(Derivative(torch.tensor(1.0), gradient, hessian=hessian))
    torch.testing.assert_close(lifted.gradient, found.along @ gradient)
    assert lifted.hessian is not None
    torch.testing.assert_close(lifted.hessian, found.along @ hessian @ found.along.T)
    asked = found.question(
        Question(torch.zeros(3).double(), 1, torch.tensor([1.0, 1, 0], dtype=torch.float64))
    )
    torch.testing.assert_close(asked.direction, torch.tensor([1.0, ROOT], dtype=torch.float64))


def test_a_number_that_is_missing_leaves_the_others() -> None:
    found = chart([[1.0, 0.0], [0.0, 1.0]])
    gradient = torch.tensor([torch.nan, 2.0], dtype=torch.float64)
    hessian = torch.tensor([[torch.nan, 2.0], [2.0, 4.0]], dtype=torch.float64)
    error = torch.tensor([torch.inf, 1e-9], dtype=torch.float64)
    lifted = found.lift(
        Derivative(torch.tensor(1.0), gradient, hessian=hessian, gradient_error=error)
    )
    assert lifted.gradient.isnan().tolist() == [True, False]
    assert lifted.hessian is not None
    assert lifted.hessian.isnan().tolist() == [[True, False], [False, False]]
    assert lifted.gradient_error is not None
    assert lifted.gradient_error.tolist() == [torch.inf, 1e-9]
