"""Products of matrices and vectors."""

import torch
from torch import Tensor

from tests.models.native.trials import Trial, trial


def _matrix(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def _rounded(a: Tensor, b: Tensor) -> Tensor:
    return (a.bfloat16() @ b.bfloat16()).to(a.dtype)


CASES: dict[str, Trial] = {
    "two of their own": trial(lambda z: z.view(3, 4) @ z.view(4, 3)),
    "data on the left": trial(lambda z, x: x @ z.view(3, 4), _matrix(5, 3)),
    "data on the right": trial(lambda z, x: z.view(3, 4) @ x, _matrix(4, 5)),
    "long data on the left": trial(lambda z, x: x @ z.view(12, 1), _matrix(2, 12)),
    "long data on the right": trial(lambda z, x: z.view(1, 12) @ x, _matrix(12, 2)),
    "long data to a matrix": trial(lambda z, x: x @ z.view(6, 2), _matrix(3, 6)),
    "transposed data": trial(lambda z, x: x.T @ z.view(3, 4), _matrix(3, 5)),
    "matrix and vector": trial(lambda z, x: x @ z, _matrix(30, 12)),
    "matrix and expansion": trial(lambda z, x: x @ z[:1].expand(12), _matrix(30, 12)),
    "rows of data": trial(lambda z, x: (x @ z).tanh().exp().sum(), _matrix(150, 12)),
    "rows of data and columns": trial(
        lambda z, x: (x @ z.view(4, 3)).log_softmax(1)[:, 0].sum(), _matrix(150, 4)
    ),
    "data of one column": trial(lambda z, x: (x @ z[:1]).exp().sum(), _matrix(50, 1)),
    "of equal numbers": trial(lambda z: torch.full((5, 12), 0.3, dtype=z.dtype) @ z),
    "dot": trial(lambda z, x: (z * z).dot(x), _matrix(12)),
    "batch": trial(lambda z: z.view(2, 3, 2) @ z.view(2, 2, 3)),
    "batch with data": trial(lambda z, x: z.view(2, 3, 2) @ x, _matrix(2, 5)),
    "batch of data": trial(lambda z, x: x @ z.view(2, 2, 3), _matrix(2, 5, 2)),
    "outer": trial(lambda z: torch.outer(z[:3], z[3:])),
    "through one": trial(lambda z: z.view(12, 1) @ z.view(1, 12)),
    "over nothing": trial(lambda z: z[:0].view(3, 0) @ z[:0].view(0, 2) + z[0]),
    "plus": trial(lambda z, x: torch.addmm(z[:5], z.view(3, 4), x), _matrix(4, 5)),
    "plus a vector": trial(lambda z, x: torch.addmv(z[:5], x, z), _matrix(5, 12)),
    "plus a batch": trial(
        lambda z: torch.baddbmm(z[:1, None, None].expand(2, 3, 3), z.view(2, 3, 2), z.view(2, 2, 3))
    ),
    "einsum": trial(lambda z, x: torch.einsum("ij,jk->ik", x, z.view(4, 3)), _matrix(6, 4)),
}
#: In bf16, where the run is in float32.
ROUNDED: dict[str, Trial] = {
    "rounded product": trial(lambda z, x: _rounded(x, z.view(4, 3)), _matrix(6, 4)),
    "rounded vector": trial(lambda z, x: _rounded(x, z), _matrix(30, 12)),
    "rounded vector of odd length": trial(lambda z, x: _rounded(x, z[:11]), _matrix(31, 11)),
    "rounded vector, odd rows out": trial(
        lambda z, x: _rounded(x, z).tanh().exp().sum(), _matrix(29, 12)
    ),
    "rounded vector, transposed data": trial(lambda z, x: _rounded(x.T, z), _matrix(12, 9)),
    "rounded own": trial(lambda z: _rounded(z.view(3, 4), z.view(4, 3))),
    "rounded sum": trial(lambda z: (z.bfloat16() + z.flip(0).bfloat16()).to(z.dtype)),
    "rounded factors": trial(lambda z: (z.bfloat16() * z.flip(0).bfloat16()).to(z.dtype)),
    "rounded quotients": trial(lambda z: (z.view(3, 4).bfloat16() / z[:4].bfloat16()).to(z.dtype)),
}
