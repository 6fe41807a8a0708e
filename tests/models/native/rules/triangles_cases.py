"""Triangles of matrices."""

import torch
from torch import Tensor

from tests.models.native.trials import Trial, trial

_MATRIX = torch.tensor([[2.0, 0.3, 0.1], [0.5, 1.5, -0.4], [0.2, 0.1, 1.0]], dtype=torch.float64)
_NINE = {"size": 9}


def _one(z: Tensor) -> Tensor:
    return torch.eye(3, dtype=z.dtype)


def _positive(z: Tensor) -> Tensor:
    a = z.view(3, 3)
    return a @ a.T + _one(z)


def _solved(upper: bool, left: bool, unit: bool) -> Trial:
    def function(z: Tensor) -> Tensor:
        a = z.view(3, 3) + 3 * _one(z)
        b = z[:6].view(3, 2) if left else z[:6].view(2, 3)
        return torch.linalg.solve_triangular(a, b, upper=upper, left=left, unitriangular=unit)

    return trial(function, size=9)


def _known(z: Tensor, x: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(x.tril(), z.view(3, 3), upper=False)


def _batch(z: Tensor, x: Tensor) -> Tensor:
    a = (z.view(2, 3, 3) + 3 * _one(z)).tril()
    return torch.linalg.solve_triangular(a, x, upper=False)


CASES: dict[str, Trial] = {
    "tril": trial(lambda z: z.view(3, 4).tril()),
    "tril below": trial(lambda z: z.view(3, 4).tril(-1)),
    "tril of a row": trial(lambda z: z.view(1, 12).tril(3)),
    "tril of a column": trial(lambda z: z.view(12, 1).tril(-2)),
    "tril of a batch": trial(lambda z: z.view(2, 2, 3).exp().tril()),
    "tril of an expansion": trial(lambda z: z[:4].expand(3, 4).tril()),
    "triu": trial(lambda z: z.view(3, 4).triu(1)),
    "triu of columns": trial(lambda z: z.view(4, 3).T.triu()),
    "cholesky": trial(lambda z: torch.linalg.cholesky_ex(_positive(z)).L, **_NINE),
    "cholesky of a batch": trial(
        lambda z: (
            torch.linalg.cholesky_ex(torch.stack([_positive(z), 2 * _positive(z.flip(0))]))
            .L.diagonal(dim1=-2, dim2=-1)
            .log()
            .sum(-1)
        ),
        **_NINE,
    ),
    **{
        f"solve{' upper' * upper}{' from the right' * (not left)}{' of ones' * unit}": _solved(
            upper, left, unit
        )
        for upper in (False, True)
        for left in (False, True)
        for unit in (False, True)
    },
    "solve by a factor": trial(
        lambda z: torch.cholesky_solve(z[:6].view(3, 2), z.view(3, 3).tanh() + 3 * _one(z)), **_NINE
    ),
    "solve by an upper factor": trial(
        lambda z: torch.cholesky_solve(z[:3, None], z.view(3, 3).tanh() + 3 * _one(z), upper=True),
        **_NINE,
    ),
    "solve by a factor of data": trial(
        lambda z, x: torch.cholesky_solve(z.view(3, 3), x), _MATRIX, **_NINE
    ),
    "solve with data": trial(_known, _MATRIX, **_NINE),
    "solve a batch": trial(_batch, _MATRIX, size=18),
    "product and factor": trial(
        lambda z: (
            torch.linalg.solve_triangular(
                torch.linalg.cholesky_ex(_positive(z)).L, z[:3, None], upper=False
            )
            .square()
            .sum()
        ),
        **_NINE,
    ),
}
