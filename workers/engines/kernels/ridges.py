"""A flat space in the plainest words: directions that involve as few coordinates as they can."""

import torch
from scipy.linalg import qr
from torch import Tensor


def sparse_basis(space: Tensor) -> Tensor:
    """Return a basis of the space spanned by `D x K`, each column 1 at its own pivot.

    Pivoted QR picks `K` coordinates that tell the directions apart; each is 1 in one column and 0
    in the others, so that coordinates which are free on their own come out on their own. Columns
    with the fewest entries come first.
    """
    orthonormal = torch.linalg.qr(space).Q
    pivots = qr(orthonormal.T.cpu().numpy(), mode="r", pivoting=True)[1][: space.shape[1]]
    basis = orthonormal @ torch.linalg.inv(orthonormal[torch.as_tensor(pivots.copy())])
    involved = (basis.abs() > 1e-3 * basis.abs().amax(0)).sum(0)
    return basis[:, involved.argsort(stable=True)]
