"""What is not lowered is refused by its name, and never lowered to something else."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.native.values import UnsupportedError
from tests.models.native.trials import Compiled, trial

REFUSED: dict[str, tuple[Callable[..., Tensor], str]] = {
    "an inverse": (lambda z: torch.inverse(z[:4].view(2, 2)), r"aten\.linalg_inv"),
    "a determinant": (lambda z: torch.linalg.det(z[:4].view(2, 2)), r"aten\._linalg_det"),
    "a solution": (
        lambda z: torch.linalg.solve(z[:4].view(2, 2) + torch.eye(2).double(), z[:2]),
        r"aten\._linalg_solve",
    ),
    "a rounded quotient": (
        lambda z: torch.div(z.detach(), 3.0, rounding_mode="floor") + z,
        r"aten\.div\.\w+_mode",
    ),
    "digits": (lambda z: torch.round(z.detach(), decimals=2) + z, r"aten\.round\.decimals"),
    "another norm": (lambda z: torch.linalg.vector_norm(z, 3.0), "the norm of order 3"),
    "a weighted product": (
        lambda z: torch.addmm(z[:9].view(3, 3), z.view(3, 4), z.view(4, 3), alpha=2.0),
        "alpha = 2",
    ),
    "negative padding": (lambda z: functional.pad(z, (-1, 0)), "negative padding"),
    "places that move": (lambda z: z[z.detach().argmax()[None]], r"aten\.argmax"),
    "single precision": (lambda z: z.float().exp().double(), r"values of torch\.float32"),
    "integers": (lambda z: (z.detach() > 0).long().cumsum(0) + z, "int64"),
    "any of conditions": (lambda z: (z.detach() > 0).any() + z, r"aten\.any"),
    "rows that a mask picks": (
        lambda z: z.index_put((torch.arange(12) > 3,), z[:1]),
        r"aten\.index_put\.default: masks as indices",
    ),
    "a gap": (
        lambda z: z.view(2, 3, 2)[torch.tensor([0, 1]), :, torch.tensor([1, 0])],
        "a gap between them",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        Compiled({name: trial(function)}, torch.float64, None, False)
