"""Eigenvalues in units that do not depend on pounds or tons."""

import torch

from workers.engines.kernels.spectrum import spectrum

CORRELATED = torch.tensor([[2.0, 0.9], [0.9, 1.0]], dtype=torch.float64)


def test_eigenvalues_do_not_change_with_the_units() -> None:
    units = torch.tensor([1e-5, 1e4], dtype=torch.float64)
    z = torch.tensor([1e4, 1.0], dtype=torch.float64)
    scaled = spectrum(units[:, None] * CORRELATED * units, z).values
    torch.testing.assert_close(scaled, spectrum(CORRELATED, z).values)


def test_solve_and_covariance_invert_the_hessian() -> None:
    shape = spectrum(CORRELATED, torch.zeros(2).double())
    gradient = torch.tensor([1.0, -3.0], dtype=torch.float64)
    torch.testing.assert_close(shape.solve(gradient), torch.linalg.solve(CORRELATED, gradient))
    torch.testing.assert_close(shape.covariance(), CORRELATED.inverse())
    expected = 0.5 * gradient @ torch.linalg.solve(CORRELATED, gradient)
    assert abs(shape.decrement(gradient) - float(expected)) < 1e-12


def test_a_coordinate_without_information_has_eigenvalue_zero() -> None:
    hessian = torch.diag(torch.tensor([5.0, 0.0], dtype=torch.float64))
    assert float(spectrum(hessian, torch.zeros(2).double()).values[0]) == 0.0
