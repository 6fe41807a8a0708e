import torch

from models.families.multivariate import cholesky, factor_of_inverse


def test_the_factor_of_the_inverse_is_a_cholesky_factor() -> None:
    generator = torch.Generator().manual_seed(4)
    root = torch.randn((3, 4, 4), dtype=torch.float64, generator=generator)
    precision = root @ root.mT + torch.eye(4, dtype=torch.float64)
    factor = factor_of_inverse(precision)
    torch.testing.assert_close(factor, torch.linalg.cholesky(torch.linalg.inv(precision)))


def test_only_the_matrix_that_is_not_positive_definite_has_no_factor() -> None:
    good = torch.eye(2, dtype=torch.float64)
    bad = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    factors = cholesky(torch.stack([good, bad]))
    assert torch.equal(factors[0], good)
    assert factors[1].isnan().all()
