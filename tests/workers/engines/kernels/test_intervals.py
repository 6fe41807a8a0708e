"""Standard errors by the delta method, intervals inside the support."""

import math

import pytest
import torch

from tests.workers.densities import FunctionDensity
from workers.engines.kernels.intervals import estimates, numbers


def model() -> FunctionDensity:
    return FunctionDensity(
        lambda x: -(x**2),
        {"a": ((), "real"), "s": ((2,), "positive")},
        deterministics={"ratio": lambda x: x[:, 0] / x[:, 1]},
    )


def test_standard_errors_of_parameters_and_deterministics() -> None:
    z = torch.tensor([3.0, math.log(2.0), math.log(5.0)], dtype=torch.float64)
    covariance = torch.diag(torch.tensor([0.04, 0.01, 0.09], dtype=torch.float64))
    found = estimates(model(), z, covariance, 0.9)
    assert found["a"].standard_error == pytest.approx(0.2)
    assert found["s"].standard_error == pytest.approx([2 * 0.1, 5 * 0.3])
    # ratio = a / s: relative variances of numerator and denominator add up.
    expected = 1.5 * math.sqrt((0.2 / 3) ** 2 + 0.1**2)
    assert found["ratio"].standard_error == pytest.approx(expected)
    width = 1.6448536269514722
    assert found["a"].interval is not None
    assert found["a"].interval.lower == pytest.approx(3 - width * 0.2)
    assert found["s"].interval is not None
    assert found["s"].interval.upper == pytest.approx(
        [2 * math.exp(width * 0.1), 5 * math.exp(width * 0.3)]
    )
    assert found["s"].interval.lower == pytest.approx(
        [2 * math.exp(-width * 0.1), 5 * math.exp(-width * 0.3)]
    )


def test_without_covariance_there_are_no_errors() -> None:
    found = estimates(model(), torch.zeros(3, dtype=torch.float64), None, 0.95)
    assert found["s"].value == [1.0, 1.0]
    assert found["s"].standard_error is None
    assert found["s"].interval is None


def test_numbers_keep_the_shape_and_drop_what_is_not_finite() -> None:
    assert numbers(torch.tensor([[1.0, math.inf], [math.nan, 2.0]])) == [[1.0, None], [None, 2.0]]
    assert numbers(torch.tensor(1.5)) == 1.5
