"""Normal approximations along the paths of a quasi-Newton ascent.

Zhang, Carpenter, Gelman and Vehtari, Pathfinder: parallel quasi-Newton variational inference (JMLR
23, 2022), algorithms 3 and 4: the inverse Hessian at an iterate is a diagonal plus low rank,

    H = diag(alpha) + beta gamma beta^T,    beta = [diag(alpha) Y, S],

from the last `J` steps `S` and changes of the gradient `Y` (compact form of BFGS: Byrd, Nocedal and
Schnabel, 1994).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.engines.kernels.objective import Rows, namespace

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
        return x, self._log_density(u)

    def log_density(self, x: Tensor) -> Tensor:
        """Return each one's log density, `B x S`, at points `S x D`."""
        moved = (x - self.mean[:, None]) / self.root[:, None]  # B x S x D
        inner = moved @ self.basis
        solved = torch.linalg.solve_triangular(self.factor, inner.mT, upper=False).mT
        return self._log_density(moved + (solved - inner) @ self.basis.mT)

    def __getitem__(self, rows: Tensor | slice) -> "Normals":
        return Normals(self.mean[rows], self.root[rows], self.basis[rows], self.factor[rows])

    def _log_density(self, u: Tensor) -> Tensor:
        """Return the log density of what standard normals `u`: `B x S x D` are turned into."""
        log_det = self.root.log().sum(1) + self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = 0.5 * u.shape[-1] * math.log(2 * math.pi)
        return -0.5 * (u * u).sum(2) - (log_det + constant)[:, None]


@np.errstate(all="ignore")
def normals(z: Rows, gradient: Rows, last: int) -> Normals:
    """Return the approximations at the last iterates of every path: `B = L K`, iterates first.

    Args:
        z: `N x K x D`: iterates of `K` paths.
        gradient: of minus the log density there, `N x K x D`.
        last: `L`, of how many iterates; all where there are fewer.
    """
    xp = namespace(z)
    steps, changes = z[1:] - z[:-1], gradient[1:] - gradient[:-1]
    product = (steps * changes).sum(2)
    size = ((steps * steps).sum(2) * (changes * changes).sum(2)) ** 0.5
    useful = (product > CURVED * size) & (product < math.inf)
    alpha = torch.as_tensor(_diagonals(steps, changes, product, useful)[-last:])  # L x K x D
    s, y = (xp.where(useful[..., None], x, 0.0) for x in (steps, changes))
    s, y = (_windows(torch.as_tensor(x))[-last:] for x in (s, y))  # L x K x D x J
    return _assembled(torch.as_tensor(z[-last:]), torch.as_tensor(gradient[-last:]), alpha, s, y)


def _assembled(z: Tensor, gradient: Tensor, alpha: Tensor, s: Tensor, y: Tensor) -> Normals:
    """Put together normals at `z` from the diagonals, `L x K x D`, and memories, `L x K x D x J`.

    With `R` the upper triangle of `S^T Y` and `E = diag(R) + Y^T diag(alpha) Y`,

        gamma = [[0, -R^-1], [-R^-T, R^-T E R^-1]].
    """
    root, scaled = alpha.sqrt(), alpha[..., None] * y
    product = s.mT @ y  # J x J
    diagonal = product.diagonal(dim1=2, dim2=3)
    # Empty places have ones, which nothing multiplies.
    upper = product.triu() + torch.diag_embed(diagonal == 0)
    inner = torch.diag_embed(diagonal) + y.mT @ scaled
    basis, right = torch.linalg.qr(torch.cat([scaled, s], dim=3) / root[..., None])
    eye = torch.eye(right.shape[2], dtype=z.dtype, device=z.device)
    factor, failed = torch.linalg.cholesky_ex(eye + _between(right, upper, inner))
    factor = torch.where(failed[..., None, None] > 0, eye, factor)
    column = gradient[..., None]
    alongside = torch.linalg.solve_triangular(upper, s.mT @ column, upper=True)
    across = inner @ alongside - scaled.mT @ column
    across = torch.linalg.solve_triangular(upper.mT, across, upper=False)
    push = alpha * gradient + (s @ across - scaled @ alongside)[..., 0]
    return Normals(*(x.flatten(0, 1) for x in (z - push, root, basis, factor)))


def _between(right: Tensor, upper: Tensor, inner: Tensor) -> Tensor:
    """Return `right gamma right^T`: `L x K x Q x Q`."""
    of_y, of_s = right.chunk(2, dim=3)
    turned = torch.linalg.solve_triangular(upper.mT, of_s, upper=False, left=False)
    half = (0.5 * turned @ inner - of_y) @ turned.mT
    return half + half.mT


def _diagonals(steps: Rows, changes: Rows, product: Rows, useful: Rows) -> Rows:
    """Return the diagonal at every iterate, `N x K x D` (Gilbert and Lemarechal, 1989)."""
    xp = namespace(steps)
    found = [xp.ones_like(steps.sum(0))]
    each = (steps * steps, changes * changes, product[..., None], useful[..., None])
    for ss, yy, b, good in zip(*each, strict=True):
        alpha = found[-1]
        share = ss / alpha
        a, c = (yy * alpha).sum(1)[:, None], share.sum(1)[:, None]
        precision = (a * (1.0 - share / c) / alpha + yy) / b
        fresh = (1.0 / precision).clip(LEAST, MOST)
        found.append(xp.where(good & (precision > 0), fresh, alpha))
    return xp.stack(found)


def _windows(rows: Tensor) -> Tensor:
    """Return the `J` rows before every iterate, oldest first: `N x K x D x J`, first zeros."""
    padded = torch.cat([rows.new_zeros(MEMORY, *rows.shape[1:]), rows])
    return padded.unfold(0, MEMORY, 1)
