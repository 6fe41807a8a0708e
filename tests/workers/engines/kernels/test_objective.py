"""What the optimisers see of a density."""

import torch

from models.density import Target
from tests.workers.densities import FunctionDensity, GaussianDensity, half_space
from workers.engines.kernels.objective import Objective


def test_outside_the_support_is_plus_infinity() -> None:
    objective = Objective(half_space(), Target.POSTERIOR)
    value, gradient = objective(torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64))
    assert value.isfinite().tolist() == [True, False]
    assert value[1] == torch.inf
    assert gradient.isfinite().all()


def test_an_infinite_density_is_minus_infinity() -> None:
    model = FunctionDensity(lambda x: -(x.abs().log()), {"x": ((), "real")})
    value, _ = Objective(model, Target.LIKELIHOOD)(torch.zeros(1, 1, dtype=torch.float64))
    assert value.tolist() == [-torch.inf]


def test_derivatives_are_those_of_minus_the_density() -> None:
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    objective = Objective(GaussianDensity(torch.zeros(2), covariance), Target.POSTERIOR)
    z = torch.tensor([1.0, -2.0], dtype=torch.float64)
    torch.testing.assert_close(objective(z[None])[1][0], covariance.inverse() @ z)
    torch.testing.assert_close(objective.hessian(z), covariance.inverse())


def test_a_hessian_that_automatic_derivatives_lose_comes_from_differences() -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return -(x**2).where(x > 0, (x.abs() ** 1.5) ** (4 / 3))

    objective = Objective(FunctionDensity(likelihood, {"x": ((), "real")}), Target.LIKELIHOOD)
    exact = torch.tensor([[2.0]], dtype=torch.float64)
    moved = objective._differences(torch.tensor([0.7], dtype=torch.float64))
    torch.testing.assert_close(moved, exact, rtol=1e-8, atol=1e-8)


class Recorded(GaussianDensity):
    """Remembers of how many rows it was asked."""

    def value_and_grad(self, z, target=Target.POSTERIOR):
        self.asked = [*getattr(self, "asked", []), len(z)]
        return super().value_and_grad(z, target)


class Native(Recorded):
    """A density as if on the compiled tier."""

    handle = object()


def test_what_is_recorded_is_asked_for_one_number_of_rows_and_native_code_for_any() -> None:
    z = torch.randn(10, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    recorded, native = (kind(torch.zeros(2), torch.eye(2)) for kind in (Recorded, Native))
    found = [Objective(density, Target.POSTERIOR, 8)(z) for density in (recorded, native)]
    assert recorded.asked == [8, 8]
    assert native.asked == [10]
    torch.testing.assert_close(*found)
