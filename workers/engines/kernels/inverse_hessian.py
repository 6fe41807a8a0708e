"""Normal approximations along the paths of a quasi-Newton ascent.

Zhang, Carpenter, Gelman and Vehtari, Pathfinder: parallel quasi-Newton variational inference (JMLR
23, 2022), algorithms 3 and 4: the inverse Hessian at an iterate is a diagonal plus low rank,

    H = diag(alpha) + beta gamma beta^T,    beta = [diag(alpha) Y, S],

from the last `J` steps `S` and changes of the gradient `Y` (compact form of BFGS: Byrd, Nocedal and
Schnabel, 1994).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Steps that an iterate's estimate remembers.
MEMORY = 6
#: A step counts when its curvature is at least this share of its own and the change's length.
CURVED = 1e-10
#: Variances are kept within these bounds.
LEAST, MOST = 1e-20, 1e20


@dataclass(frozen=True)
class Normals:
    """`B` normal distributions with covariances `T T^T`, `T = diag(root) (I + Q (L - I) Q^T)`."""

    #: `B x D`.
    mean: Tensor
    root: Tensor
    #: `B x D x Q` with orthonormal columns and `B x Q x Q`, lower triangular.
    basis: Tensor
    factor: Tensor

    def draw(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Turn standard normal `u`: `B x S x D` into draws, `B x S x D`, and their log density."""
        inner = u @ self.basis  # B x S x Q
        moved = u + (inner @ self.factor.mT - inner) @ self.basis.mT
        x = self.mean[:, None] + self.root[:, None] * moved
        log_det = self.root.log().sum(1) + self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = 0.5 * u.shape[-1] * math.log(2 * math.pi)
        return x, -0.5 * (u * u).sum(2) - (log_det + constant)[:, None]


def normals(z: Tensor, gradient: Tensor) -> Normals:
    """Return the approximation at every iterate of every path: `B = N K`, iterates first.

    Args:
        z: `N x K x D`: iterates of `K` paths.
        gradient: of minus the log density there, `N x K x D`.
    """
    steps, changes = z.diff(dim=0), gradient.diff(dim=0)
    product = (steps * changes).sum(2)
    size = steps.norm(dim=2) * changes.norm(dim=2)
    useful = (product > CURVED * size) & product.isfinite()
    alpha = _diagonals(steps, changes, product, useful)  # N x K x D
    mask = useful[:, :, None]
    s = _windows(torch.where(mask, steps, 0.0))  # N x K x D x J
    y = _windows(torch.where(mask, changes, 0.0))
    root = alpha.sqrt()
    beta = torch.cat([alpha[..., None] * y, s], dim=3)
    gamma = _middle(s, y, alpha)
    basis, right = torch.linalg.qr(beta / root[..., None])
    inner = right @ gamma @ right.mT
    eye = torch.eye(inner.shape[-1], dtype=z.dtype, device=z.device)
    factor, failed = torch.linalg.cholesky_ex(eye + (inner + inner.mT) / 2)
    factor = torch.where(failed[..., None, None] > 0, eye, factor)
    push = alpha * gradient + (beta @ (gamma @ (beta.mT @ gradient[..., None])))[..., 0]
    return Normals(*(x.flatten(0, 1) for x in (z - push, root, basis, factor)))


def _diagonals(steps: Tensor, changes: Tensor, product: Tensor, useful: Tensor) -> Tensor:
    """Return the diagonal at every iterate, `N x K x D` (Gilbert and Lemarechal, 1989)."""
    alpha = torch.ones_like(steps[0]) if len(steps) else changes.new_ones(changes.shape[1:])
    found = [alpha]
    for s, y, b, good in zip(steps, changes, product[..., None], useful[..., None], strict=True):
        a = (y * y * alpha).sum(1, keepdim=True)
        c = (s * s / alpha).sum(1, keepdim=True)
        precision = a / (b * alpha) + y * y / b - a * (s / alpha) ** 2 / (b * c)
        fresh = (1.0 / precision).clamp(LEAST, MOST)
        alpha = torch.where(good & fresh.isfinite() & (precision > 0), fresh, alpha)
        found.append(alpha)
    return torch.stack(found)


def _windows(rows: Tensor) -> Tensor:
    """Return the `J` rows before every iterate, oldest first: `N x K x D x J`, first zeros."""
    padded = torch.cat([rows.new_zeros(MEMORY, *rows.shape[1:]), rows])
    return padded.unfold(0, MEMORY, 1)


def _middle(s: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Return `gamma`: `N x K x 2J x 2J`. Empty places have ones, which nothing multiplies."""
    product = s.mT @ y  # J x J
    diagonal = product.diagonal(dim1=2, dim2=3)
    filled = torch.where(diagonal > 0, diagonal, 1.0)
    upper = product.triu(1) + torch.diag_embed(filled)
    eye = torch.eye(upper.shape[-1], dtype=s.dtype, device=s.device).expand_as(upper)
    inverse = torch.linalg.solve_triangular(upper, eye, upper=True)
    corner = inverse.mT @ (torch.diag_embed(diagonal) + y.mT @ (alpha[..., None] * y)) @ inverse
    top = torch.cat([torch.zeros_like(eye), -inverse], dim=3)
    return torch.cat([top, torch.cat([-inverse.mT, corner], dim=3)], dim=2)
