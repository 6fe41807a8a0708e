import re
from typing import Any

import pytest
import torch

from models.distributions import check_arguments, check_value, make
from models.validity import family_name
from tests.models.distribution_cases import CPU


def build(name: str, *args: Any, **kwargs: Any) -> Any:
    return make(name, args, kwargs, dtype=torch.float64, device=CPU)


def real(value: Any) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "arguments", "argument", "words"),
    [
        ("Normal", {"loc": 0, "scale": -1}, "scale", "must be greater than 0; it is -1"),
        ("Normal", {"loc": 0, "scale": (1, 0)}, "scale", r"it is 0 at \[1\]"),
        ("Normal", {"loc": float("nan"), "scale": 1}, "loc", "must be finite"),
        ("Categorical", {"probs": (0.5, 0.6)}, "probs", "sums to 1.1: divide by the sum"),
        ("Categorical", {"probs": ((0.5, 0.5), (1.5, 0))}, "probs", r"1.5 at \[1\]: divide"),
        ("Categorical", {"probs": (1.5, -0.5)}, "probs", "from 0 on that sum to 1"),
        ("Bernoulli", {"probs": 1.2}, "probs", "between 0 and 1; it is 1.2"),
        ("Uniform", {"low": 2, "high": 2}, "low", "must be less than high"),
        ("TruncatedNormal", {"loc": 0, "scale": 1, "low": 2, "high": 1}, "low", "less than high"),
        (
            "MultivariateNormal",
            {"loc": (0, 0), "covariance_matrix": ((1, 2), (2, 1))},
            "covariance_matrix",
            "symmetric and positive definite",
        ),
        (
            "MultivariateNormal",
            {"loc": (0, 0), "precision_matrix": ((1, 0.5), (0.2, 1))},
            "precision_matrix",
            "symmetric",
        ),
        (
            "MultivariateNormal",
            {"loc": (0, 0), "scale_tril": ((1, 0.5), (0, 1))},
            "scale_tril",
            "lower triangular",
        ),
        ("Binomial", {"total_count": 2.5, "probs": 0.5}, "total_count", "whole number from 0 on"),
        ("Binomial", {"total_count": -1, "probs": 0.5}, "total_count", "whole number from 0 on"),
        ("OrderedLogistic", {"predictor": 0, "cutpoints": (1, 0)}, "cutpoints", "increasing"),
        ("Dirichlet", {"concentration": (1, 0)}, "concentration", r"greater than 0; it is 0 at"),
        ("Poisson", {"rate": -1}, "rate", "must be 0 or greater; it is -1"),
    ],
)
def test_constants_outside_their_range(
    name: str, arguments: dict[str, Any], argument: str, words: str
) -> None:
    faults = check_arguments(name, build(name, **arguments))
    assert [fault[0] for fault in faults] == [argument]
    assert re.search(words, faults[0][1]), faults[0][1]


def test_arguments_that_depend_on_unknowns_are_not_constants() -> None:
    below = real(-1.0).requires_grad_()
    assert check_arguments("Normal", build("Normal", 0, below)) == []
    assert check_arguments("Uniform", build("Uniform", 0, below)) == []


def test_single_precision_rounding_is_no_fault() -> None:
    third = torch.full((3,), 1 / 3, dtype=torch.float32)
    fn = make("Categorical", [third], {}, dtype=torch.float32, device=CPU)
    assert check_arguments("Categorical", fn) == []


@pytest.mark.parametrize(
    ("fn", "value", "words"),
    [
        (("Poisson", 3), [1.0, -1.0], "a whole number from 0 on to come from Poisson; it is -1"),
        (("Poisson", 3), [1.0, 2.5], r"it is 2.5 at \[1\]"),
        (("Binomial", 3, 0.5), [1.0, 4.0], "a whole number from 0 to 3 .* it is 4"),
        (("Categorical", (0.5, 0.5)), [0.0, 2.0], "a whole number from 0 to 1 .* it is 2"),
        (("Bernoulli", 0.5), [0.0, 0.5], "must be 0 or 1 .* it is 0.5"),
        (("HalfNormal", 1), [1.0, -0.5], "to come from HalfNormal; it is -0.5"),
        (("Uniform", 0, 2), [1.0, 2.5], "between 0 and 2 .* it is 2.5"),
        (("Uniform", 0, (2, 3)), [1.0, 3.5], "inside interval.* it is 3.5"),
        (("Pareto", 2, 1), [3.0, 1.0], "at least 2 .* it is 1"),
        (("Beta", 1, 1), [0.5, 1.5], "between 0 and 1"),
        (("Normal", 0, 1), [0.5, float("nan")], "must be finite"),
        (("Dirichlet", (1, 1)), [0.5, 0.6], "sum to 1 .* sums to 1.1"),
        (("Multinomial", 3, (0.5, 0.5)), [1.0, 1.0], "sum to total_count"),
        (("Normal", (0, 0, 0), 1), [0.0, 1.0], r"shape \(2,\), .* distribution's shape \(3,\)"),
        (("GaussianRandomWalk", 1, 3), [0.0, 1.0], r"shape \(2,\)"),
    ],
)
def test_observed_values_outside_the_support(
    fn: tuple[Any, ...], value: list[float], words: str
) -> None:
    message = check_value(build(*fn), real(value))
    assert message is not None
    assert re.search(words, message), message


def test_integer_values_are_checked_as_they_are() -> None:
    assert check_value(build("Poisson", 3), torch.tensor([0, 2])) is None
    assert "it is -2" in str(check_value(build("Poisson", 3), torch.tensor([0, -2])))


def test_supports_that_depend_on_unknowns_are_not_checked() -> None:
    high = real(1.0).requires_grad_()
    assert check_value(build("Uniform", 0, high), real([5.0])) is None


def test_wrapped_distributions_are_seen_through() -> None:
    fn = build("HalfNormal", 1).expand([2, 3]).to_event(1)
    value = torch.ones(2, 3, dtype=torch.float64)
    value[1, 2] = -1
    message = check_value(fn, value)
    assert message is not None
    assert "HalfNormal; it is -1 at [1, 2]" in message
    assert family_name(fn.mask(torch.tensor([True, False]))) == "HalfNormal"


def test_masked_values_are_not_observed() -> None:
    value = torch.ones(2, 3, dtype=torch.float64)
    value[1, 2] = -1
    fn = build("HalfNormal", 1).expand([2, 3])
    rows = torch.tensor([True, False])
    assert check_value(fn.to_event(1).mask(rows), value) is None
    assert check_value(fn.to_event(1).mask(~rows), value) is not None
    assert check_value(fn.mask(False), value) is None
