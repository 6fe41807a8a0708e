import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.func import grad, vmap

from models.families.truncated import TruncatedNormal, log1mexp, log_ndtr, log_normal_mass


def real(value: object) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_log_ndtr_agrees_with_scipy_in_both_tails() -> None:
    z = np.concatenate([np.linspace(-60, 60, 241), [-1.0, -1 - 1e-12, -1e4]])
    np.testing.assert_allclose(
        log_ndtr(real(z)).numpy(), special.log_ndtr(z), rtol=1e-13, atol=1e-300
    )


def test_the_gradient_of_log_ndtr_is_the_hazard() -> None:
    z = np.linspace(-40, 8, 97)
    hazard = math.sqrt(2 / math.pi) / special.erfcx(-z / math.sqrt(2))
    got = vmap(grad(log_ndtr))(real(z)).numpy()
    np.testing.assert_allclose(got, hazard, rtol=1e-11)


@pytest.mark.parametrize("x", [1e-12, 0.1, math.log(2), 1.0, 50.0])
def test_log1mexp_keeps_its_digits_at_both_ends(x: float) -> None:
    exact = math.log(-math.expm1(-x)) if x < 1 else math.log1p(-math.exp(-x))
    assert log1mexp(real(x)).item() == pytest.approx(exact, rel=1e-14)
    assert math.isfinite(grad(log1mexp)(real(x)).item())


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 2.0), (8.0, 9.0), (-31.0, -30.0), (30.0, 31.0), (-50.0, 50.0)]
)
def test_the_mass_is_exact_far_out(low: float, high: float) -> None:
    """By the reflected pair log Phi(b) + log(1 - exp(log Phi(a) - log Phi(b))) in scipy."""
    a, b = (-high, -low) if low + high > 0 else (low, high)
    log_b = special.log_ndtr(b)
    exact = log_b + np.log(-np.expm1(special.log_ndtr(a) - log_b))
    assert log_normal_mass(real(low), real(high)).item() == pytest.approx(exact, rel=1e-12)


def test_mirror_images_have_the_same_density() -> None:
    right = TruncatedNormal(real(0.0), real(1.0), real(20.0), real(21.0))
    left = TruncatedNormal(real(0.0), real(1.0), real(-21.0), real(-20.0))
    at = real([20.0, 20.3, 21.0])
    torch.testing.assert_close(right.log_prob(at), left.log_prob(-at), rtol=1e-13, atol=1e-12)


def test_the_tail_density_integrates_to_one() -> None:
    fn = TruncatedNormal(real(0.0), real(1.0), real(15.0), real(17.0))
    x = torch.linspace(15, 17, 20001, dtype=torch.float64)
    assert torch.trapezoid(fn.log_prob(x).exp(), x).item() == pytest.approx(1, abs=1e-6)


def test_outside_the_bounds_the_density_is_zero() -> None:
    fn = TruncatedNormal(real(0.0), real(1.0), real(-1.0), real(1.0))
    assert torch.isinf(fn.log_prob(real([-1.1, 1.1]))).all()


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (5.0, 6.0), (-6.0, -5.0)])
def test_draws_follow_the_distribution(low: float, high: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        draws = TruncatedNormal(real(0.0), real(1.0), real(low), real(high)).sample((4000,))
    pvalue = stats.kstest(draws.numpy(), stats.truncnorm(low, high).cdf).pvalue
    assert pvalue > 1e-3
