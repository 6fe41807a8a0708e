"""Vectors of entries by parameter."""

import pytest
import torch

from models.density import Parameter
from models.derivatives.basis import Basis

BASIS = Basis(
    [
        Parameter("mu", (), "real", 1, 0),
        Parameter("theta", (3,), "real", 3, 1),
        Parameter("L", (2, 2), "lower_cholesky", 3, 4),
    ]
)


def test_joining_and_splitting_are_inverse() -> None:
    vector = torch.arange(8.0).double()
    parts = BASIS.split(vector)
    assert {name: part.shape for name, part in parts.items()} == {
        "mu": (),
        "theta": (3,),
        "L": (2, 2),
    }
    assert torch.equal(BASIS.join(parts), vector)
    assert BASIS.size == 8


def test_what_is_left_out_is_zero() -> None:
    assert BASIS.join({"theta": torch.ones(3).double()}).tolist() == [0, 1, 1, 1, 0, 0, 0, 0]


def test_blocks_of_a_matrix() -> None:
    matrix = torch.arange(64.0).double().reshape(8, 8)
    blocks = BASIS.blocks(matrix)
    assert blocks["mu"]["theta"].tolist() == [1, 2, 3]
    assert blocks["L"]["theta"].shape == (2, 2, 3)
    assert float(blocks["L"]["theta"][1, 0, 2]) == float(matrix[6, 3])


def test_names_of_entries() -> None:
    names = [BASIS.name(n) for n in range(8)]
    assert names == [
        "mu",
        "theta[0]",
        "theta[1]",
        "theta[2]",
        "L[0,0]",
        "L[0,1]",
        "L[1,0]",
        "L[1,1]",
    ]
    with pytest.raises(IndexError):
        BASIS.name(8)
