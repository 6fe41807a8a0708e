"""Where runs start, and what the error says when they cannot."""

import pytest
import torch

from tests.workers.densities import FunctionDensity, GaussianDensity, half_space, nowhere
from workers.engines.kernels.initial import find_initial
from workers.errors import NoInitialPointError


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(6)


def test_every_chain_starts_where_the_density_is_finite() -> None:
    point = find_initial(half_space(1.0), generator(), 16)
    assert bool((point.z > 1.0).all())
    assert bool(point.log_density.isfinite().all())
    assert bool(point.gradient.isfinite().all())


def test_a_chain_s_start_does_not_depend_on_the_others_luck() -> None:
    strict = find_initial(half_space(1.0), generator(), 16).z
    easy = find_initial(half_space(-3.0), generator(), 16).z
    first_try = (easy > 1.0).all(1)
    assert bool(first_try.any())
    assert bool((strict[first_try] == easy[first_try]).all())


def test_uniform_ignores_the_prior() -> None:
    def far(generator: torch.Generator, count: int) -> torch.Tensor:
        return torch.full((count, 1), 100.0, dtype=torch.float64)

    density = FunctionDensity(lambda x: -(x**2), {"x": ((), "real")}, start=far)
    assert bool((find_initial(density, generator(), 8, "prior").z == 100.0).all())
    assert bool((find_initial(density, generator(), 8, "uniform").z.abs() <= 2.0).all())


def test_the_error_names_the_terms_that_are_not_finite() -> None:
    with pytest.raises(NoInitialPointError, match=r"y \(100 of 100\)") as caught:
        find_initial(nowhere(("mu", "y")), generator(), 1)
    assert caught.value.terms == ("y",)


def test_the_error_names_the_parameters_without_gradient() -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return (0.0 * x[:, 1]).sqrt() - x[:, 0] ** 2

    density = FunctionDensity(likelihood, {"a": ((), "real"), "b": ((), "real")})
    with pytest.raises(NoInitialPointError, match="gradient") as caught:
        find_initial(density, generator(), 2)
    assert caught.value.terms == ("b",)


def test_float32_is_kept() -> None:
    density = GaussianDensity(torch.zeros(2), torch.eye(2), torch.float32)
    point = find_initial(density, generator(), 2, "uniform")
    assert point.z.dtype == point.gradient.dtype == torch.float32
    assert point.log_density.dtype == torch.float64
