"""Bijections from unconstrained vectors onto supports, with the log |det J| of each.

Twins of torch's that write nothing in place, take no product whose gradient asks for zeros, and
stay in log space, so that they run under `vmap` and keep their accuracy far from the origin. The
Jacobian is taken in the support's own coordinates: a simplex without its last entry, a lower
triangle, a correlation factor's strict lower triangle. One file, because each is a few lines and
the matrices share the layout of a triangle.
"""

import math

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.transforms import Transform

from models.log_sigmoid import log_sigmoid

#: A bound of a support: a number, or a tensor that may depend on other unknowns.
Bound = Tensor | float


def order_of(numbers: int, diagonal: bool) -> int:
    """Return n of an n x n lower triangle with that many entries, diagonal included or not.

    Raises:
        ValueError: no triangle has that many entries.
    """
    n = (math.isqrt(8 * numbers + 1) + (-1 if diagonal else 1)) // 2
    if (n * (n + 1) if diagonal else n * (n - 1)) != 2 * numbers:
        raise ValueError(f"{numbers} numbers do not fill a triangle")
    return n


def fill_lower(x: Tensor, n: int, diagonal: int) -> Tensor:
    """Return `... x n x n` with `x` in the lower triangle by rows, zeros elsewhere."""
    rows, columns = torch.tril_indices(n, n, diagonal, device=x.device)
    places = torch.full((n, n), x.shape[-1], dtype=torch.int64, device=x.device)
    order = torch.arange(x.shape[-1], device=x.device)
    places = places.index_put((rows, columns), order).reshape(-1)
    padded = torch.cat([x, x.new_zeros((*x.shape[:-1], 1))], dim=-1)
    return padded.index_select(-1, places).reshape(*x.shape[:-1], n, n)


def take_lower(matrix: Tensor, diagonal: int) -> Tensor:
    """Return the lower triangle by rows, `... x numbers`."""
    n = matrix.shape[-1]
    rows, columns = torch.tril_indices(n, n, diagonal, device=matrix.device)
    return matrix.reshape(*matrix.shape[:-2], n * n).index_select(-1, rows * n + columns)


def later_sums(x: Tensor) -> Tensor:
    """Return the sum of the entries after each one, along the last dimension."""
    from_here = x.flip(-1).cumsum(-1).flip(-1)
    return torch.cat([from_here[..., 1:], torch.zeros_like(x[..., :1])], dim=-1)


class AbstractBijection(Transform):
    """A bijection with a name; `domain` and `codomain` tell its event dimensions."""

    bijective = True

    def __init__(self) -> None:
        super().__init__(cache_size=0)


class LowerBound(AbstractBijection):
    """y = bound + exp(x)."""

    domain = constraints.real
    codomain = constraints.positive

    def __init__(self, bound: Bound) -> None:
        super().__init__()
        self.bound = bound

    def _call(self, x: Tensor) -> Tensor:
        return self.bound + x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.bound).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class UpperBound(AbstractBijection):
    """y = bound - exp(x)."""

    domain = constraints.real
    codomain = constraints.real

    def __init__(self, bound: Bound) -> None:
        super().__init__()
        self.bound = bound

    def _call(self, x: Tensor) -> Tensor:
        return self.bound - x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return (self.bound - y).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class Between(AbstractBijection):
    """y = low + (high - low) sigmoid(x), kept off the ends by one rounding of the sigmoid."""

    domain = constraints.real
    codomain = constraints.unit_interval

    def __init__(self, low: Bound, high: Bound) -> None:
        super().__init__()
        self.low = low
        self.high = high

    def _call(self, x: Tensor) -> Tensor:
        limits = torch.finfo(x.dtype)
        share = x.sigmoid().clamp(min=limits.tiny, max=1 - limits.eps)
        return self.low + (self.high - self.low) * share

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.low).log() - (self.high - y).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        width = self.high - self.low
        log_width = width.log() if isinstance(width, Tensor) else math.log(width)
        return log_width + log_sigmoid(x) + log_sigmoid(-x)


class Simplex(AbstractBijection):
    """Stick breaking from n - 1 numbers; 0 goes to the centre (Stan reference, simplex)."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _breaks(self, x: Tensor) -> Tensor:
        count = x.shape[-1]
        left = torch.arange(count, 0, -1, dtype=x.dtype, device=x.device)
        return x - left.log()

    def _log_pieces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log of the first n - 1 entries, and of what each break leaves for later ones."""
        breaks = self._breaks(x)
        left = log_sigmoid(-breaks).cumsum(-1)
        before = torch.cat([torch.zeros_like(left[..., :1]), left[..., :-1]], dim=-1)
        return log_sigmoid(breaks) + before, left

    def _call(self, x: Tensor) -> Tensor:
        pieces, left = self._log_pieces(x)
        return torch.cat([pieces, left[..., -1:]], dim=-1).exp()

    def _inverse(self, y: Tensor) -> Tensor:
        breaks = y[..., :-1].log() - later_sums(y)[..., :-1].log()
        return breaks + (breaks - self._breaks(breaks))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        pieces, _ = self._log_pieces(x)
        return (pieces + log_sigmoid(-self._breaks(x))).sum(-1)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        return torch.Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        return torch.Size((*shape[:-1], shape[-1] - 1))


class Ordered(AbstractBijection):
    """y[0] = x[0], y[k] = y[k - 1] + exp(x[k])."""

    domain = constraints.real_vector
    codomain = constraints.ordered_vector

    def _call(self, x: Tensor) -> Tensor:
        return torch.cat([x[..., :1], x[..., 1:].exp()], dim=-1).cumsum(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.cat([y[..., :1], y.diff(dim=-1).log()], dim=-1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x[..., 1:].sum(-1)


class PositiveOrdered(AbstractBijection):
    """y = cumsum(exp(x))."""

    domain = constraints.real_vector
    codomain = constraints.independent(constraints.positive, 1)

    def _call(self, x: Tensor) -> Tensor:
        return x.exp().cumsum(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.cat([y[..., :1], y.diff(dim=-1)], dim=-1).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.sum(-1)


class LowerCholesky(AbstractBijection):
    """A lower triangle by rows, its diagonal through exp: n (n + 1) / 2 numbers."""

    domain = constraints.real_vector
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        n = order_of(x.shape[-1], diagonal=True)
        on = diagonal_places(n, x)
        return fill_lower(torch.where(on, torch.where(on, x, 0.0).exp(), x), n, 0)

    def _inverse(self, y: Tensor) -> Tensor:
        x = take_lower(y, 0)
        on = diagonal_places(y.shape[-1], x)
        return torch.where(on, torch.where(on, x, 1.0).log(), x)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        n = order_of(x.shape[-1], diagonal=True)
        return torch.where(diagonal_places(n, x), x, 0.0).sum(-1)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        n = order_of(shape[-1], diagonal=True)
        return torch.Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        n = shape[-1]
        return torch.Size((*shape[:-2], n * (n + 1) // 2))


def diagonal_places(n: int, like: Tensor) -> Tensor:
    """Return which entries of a lower triangle by rows lie on the diagonal."""
    rows, columns = torch.tril_indices(n, n, device=like.device)
    return rows == columns


class CorrCholesky(AbstractBijection):
    """Rows of unit length from n (n - 1) / 2 numbers, by canonical partial correlations.

    z = tanh(x); L[i, j] = z[i, j] prod over k < j of sqrt(1 - z[i, k]^2) (Stan reference,
    Cholesky factors of correlation matrices).
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky

    def _rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The log of what is left of each row's length, after and before each entry."""
        n = order_of(x.shape[-1], diagonal=False)
        log_left = 0.5 * (log_sigmoid(2 * x) + log_sigmoid(-2 * x)) + math.log(2)
        after = fill_lower(log_left, n, -1).cumsum(-1)
        first = torch.zeros_like(after[..., :1])
        return after, torch.cat([first, after[..., :-1]], dim=-1)

    def _call(self, x: Tensor) -> Tensor:
        _, before = self._rows(x)
        n = before.shape[-1]
        eye = torch.eye(n, dtype=x.dtype, device=x.device)
        return (fill_lower(x.tanh(), n, -1) + eye) * before.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        later = later_sums(y * y)
        return torch.asinh(take_lower(y, -1) / take_lower(later, -1).sqrt())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        after, before = self._rows(x)
        return take_lower(2 * after - before, -1).sum(-1)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        n = order_of(shape[-1], diagonal=False)
        return torch.Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        n = shape[-1]
        return torch.Size((*shape[:-2], n * (n - 1) // 2))


class Squared(AbstractBijection):
    """A factor's product L L': positive definite matrices, or correlation matrices.

    Args:
        factor: the bijection onto the factors, `LowerCholesky` or `CorrCholesky`.
    """

    domain = constraints.real_vector
    codomain = constraints.positive_definite

    def __init__(self, factor: LowerCholesky | CorrCholesky) -> None:
        super().__init__()
        self.factor = factor

    def _call(self, x: Tensor) -> Tensor:
        lower = self.factor(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return self.factor.inv(torch.linalg.cholesky_ex(y)[0])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """d(L L')/dL in the lower triangle: 2^n prod L[i, i]^(n - i), without the powers of the
        entries that a correlation matrix does not have."""
        lower = self.factor(x)
        n = lower.shape[-1]
        power = torch.arange(n, 0, -1, dtype=x.dtype, device=x.device)
        log_two = n * math.log(2)
        if isinstance(self.factor, CorrCholesky):
            power, log_two = power - 1, 0.0
        logs = lower.diagonal(dim1=-2, dim2=-1).log()
        return (power * logs).sum(-1) + log_two + self.factor.log_abs_det_jacobian(x, lower)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        return self.factor.forward_shape(shape)

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        return self.factor.inverse_shape(shape)
