"""Flat spaces in few words."""

import torch

from workers.engines.kernels.ridges import sparse_basis


def test_free_coordinates_come_out_one_by_one() -> None:
    space = torch.zeros(5, 2, dtype=torch.float64)
    # mu and tau are free, however an eigensolver mixes them.
    space[0], space[3] = torch.tensor([0.6, 0.8]), torch.tensor([0.8, -0.6])
    basis = sparse_basis(space)
    assert (basis.abs() > 1e-9).sum(0).tolist() == [1, 1]


def test_the_plainest_direction_comes_first() -> None:
    single, spread = torch.zeros(6).double(), torch.ones(6).double()
    single[2], spread[2] = 1.0, 0.0
    basis = sparse_basis(torch.stack([spread + single, spread - single], 1))
    torch.testing.assert_close(basis[:, 0].abs(), single)
