import math

import pytest
import torch

from models.families.lkj import LKJCholesky


@pytest.mark.parametrize("eta", [0.7, 1.0, 3.0])
def test_two_dimensions_are_a_beta(eta: float) -> None:
    """For n = 2 the correlation is 2 Beta(eta, eta) - 1."""
    rho = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)
    one, zero = torch.ones_like(rho), torch.zeros_like(rho)
    rest = (1 - rho * rho).sqrt()
    factor = torch.stack([torch.stack([one, zero], -1), torch.stack([rho, rest], -1)], -2)
    got = LKJCholesky(2, torch.tensor(eta, dtype=torch.float64)).log_prob(factor)
    beta = torch.distributions.Beta(*torch.tensor([eta, eta], dtype=torch.float64))
    torch.testing.assert_close(got, beta.log_prob((rho + 1) / 2) - math.log(2))


def test_draws_have_the_marginal_of_the_paper() -> None:
    """Each correlation is 2 Beta(b, b) - 1 with b = eta + (n - 2) / 2, of variance 1/(2 b + 1)."""
    eta, n, draws = 2.0, 4, 20000
    with torch.random.fork_rng():
        torch.manual_seed(5)
        factor = LKJCholesky(n, torch.tensor(eta, dtype=torch.float64)).sample((draws,))
    correlation = factor @ factor.mT
    torch.testing.assert_close(
        correlation.diagonal(dim1=-2, dim2=-1), torch.ones(draws, n, dtype=torch.float64)
    )
    variance = 1 / (2 * (eta + (n - 2) / 2) + 1)
    rows, columns = torch.tril_indices(n, n, -1)
    off = correlation[:, rows, columns]
    assert off.mean(0).abs().max().item() < 4.5 * math.sqrt(variance / draws)
    assert ((off * off).mean(0) - variance).abs().max().item() < 4.5 * variance * math.sqrt(
        2 / draws
    )
