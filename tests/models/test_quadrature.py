"""Log integrals that are known."""

import math

import pytest
import torch
from scipy import special
from torch import Tensor

from models.errors import UnavailableError
from models.quadrature import log_integral

ONE = torch.ones(1, 1).double()
ZERO = torch.zeros(1).double()


def test_a_normal() -> None:
    found = log_integral(lambda z: -0.5 * ((z[:, 0] - 3) / 0.2) ** 2, ZERO + 3.1, 0.3 * ONE)
    assert found.value == pytest.approx(math.log(0.2 * math.sqrt(2 * math.pi)), abs=1e-10)
    assert found.error < 1e-9


def test_a_gamma_on_the_log_scale() -> None:
    found = log_integral(lambda z: 2.5 * z[:, 0] - z[:, 0].exp(), ZERO, ONE)
    assert found.value == pytest.approx(special.gammaln(2.5), abs=1e-9)


def test_heavy_tails() -> None:
    found = log_integral(lambda z: -torch.log1p(z[:, 0] ** 2), ZERO, ONE)
    assert found.value == pytest.approx(math.log(math.pi), abs=1e-8)


def test_two_correlated_unknowns() -> None:
    covariance = torch.tensor([[4.0, 1.5], [1.5, 1.0]]).double()
    precision = torch.linalg.inv(covariance)

    def log_density(z: Tensor) -> Tensor:
        return -0.5 * ((z @ precision) * z).sum(1)

    exact = math.log(2 * math.pi) + 0.5 * float(torch.logdet(covariance))
    root = torch.linalg.cholesky(covariance)
    # Also where the width that is told is wrong.
    for guess in (root, 0.3 * root, torch.eye(2).double()):
        found = log_integral(log_density, torch.full((2,), 0.2).double(), guess)
        assert found.value == pytest.approx(exact, abs=1e-7)


def test_a_bounded_region() -> None:
    found = log_integral(
        lambda z: torch.where((z[:, 0] > 0), -z[:, 0], -torch.inf), ZERO + 0.5, ONE
    )
    # A jump costs the rule its speed; its error says so.
    assert found.value == pytest.approx(0.0, abs=3 * found.error + 1e-3)
    assert found.error > 1e-8


def test_what_does_not_fall_off_has_no_integral() -> None:
    with pytest.raises(UnavailableError, match="proper priors"):
        log_integral(lambda z: 0.0 * z[:, 0], ZERO, ONE)


@pytest.mark.parametrize("dim", [0, 3])
def test_other_numbers_of_unknowns_are_refused(dim: int) -> None:
    with pytest.raises(UnavailableError, match="one or two"):
        log_integral(lambda z: z.sum(1), torch.zeros(dim).double(), torch.eye(dim).double())
