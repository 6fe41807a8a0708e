"""The evidence of a model of one or two unknowns by quadrature.

The trapezoidal rule in `u`, with `z = centre + root sinh(u)`: tails that fall like a power of `z`
fall exponentially in `u`, and for such functions the rule converges exponentially in its step
(Takahasi and Mori, Double exponential formulas for numerical integration, 1974; Trefethen and
Weideman, The exponentially convergent trapezoidal rule, SIAM Review 56, 2014). All in log space.

Shape letter: `D` unconstrained coordinates.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from models.errors import UnavailableError

#: The most coordinates.
MOST = 2
#: Points that are evaluated together, and in all at the most.
TOGETHER, POINTS = 1024, 1 << 19
#: The first step and half width in `u`, and how much the integrand's ends may stand above zero, in
#: nats below its top.
STEP, WIDTH, END = 0.5, 4.0, 40.0
#: The widest half width: `sinh` of it still is a number.
WIDEST = 300.0
#: Two rules that agree to this, relative, end the refinement.
TOLERANCE = 1e-10

#: The log density, `C` in float64, at `z`: `C x D`.
LogDensity = Callable[[Tensor], Tensor]


class LogIntegral(NamedTuple):
    """A log integral and how far the last two rules are apart."""

    value: float
    error: float


def log_integral(log_density: LogDensity, centre: Tensor, root: Tensor) -> LogIntegral:
    """Return the log of the integral of `exp(log_density)`.

    Args:
        log_density: of an integrable function with its mass around the centre.
        centre: `D` in float64, near its largest value.
        root: `D x D`, with about its width.

    Raises:
        UnavailableError: there are more than two coordinates, or the integral does not converge.
    """
    dim = len(centre)
    if not 1 <= dim <= MOST:
        raise UnavailableError(
            "model", f"quadrature takes one or two unknowns, not {dim}; use laplace or pathfinder"
        )

    def at(u: Tensor) -> Tensor:
        """Return the log of the integrand in `u`: `C x D`."""
        z = centre + u.sinh() @ root.T
        value = torch.cat([log_density(part) for part in z.split(TOGETHER)])
        # log cosh without overflow.
        jacobian = (u.abs() + torch.log1p((-2.0 * u.abs()).exp()) - math.log(2.0)).sum(1)
        return (value + jacobian).nan_to_num(-math.inf, math.inf, -math.inf)

    volume = float(torch.linalg.slogdet(root)[1])
    width = _width(at, dim)
    step, before = STEP, _rule(at, width, STEP, dim)
    while True:
        step /= 2.0
        after = _rule(at, width, step, dim)
        error = abs(math.expm1(after - before)) if math.isfinite(after - before) else math.inf
        if error <= TOLERANCE or (2.0 * width / (step / 2.0) + 1.0) ** dim > POINTS:
            break
        before = after
    if not math.isfinite(after):
        raise UnavailableError("model", "the evidence is not finite: the posterior is improper")
    return LogIntegral(after + volume, error)


def _rule(at: Callable[[Tensor], Tensor], width: float, step: float, dim: int) -> float:
    """Return the log of the trapezoidal sum on `[-width, width]^D`."""
    grid = _grid(width, step, dim)
    return float(at(grid).logsumexp(0)) + dim * math.log(step)


def _width(at: Callable[[Tensor], Tensor], dim: int) -> float:
    """Return a half width outside of which the integrand is nothing.

    Raises:
        UnavailableError: there is none.
    """
    width = WIDTH
    while width <= WIDEST:
        grid = _grid(width, STEP if dim == 1 else width / 16.0, dim)
        value = at(grid)
        edge = (grid.abs() >= width - 1e-9).any(1)
        if float(value[edge].max()) < float(value.max()) - END:
            return width
        width *= 1.5
    raise UnavailableError(
        "model",
        "the evidence is not finite: the posterior does not fall off; give it proper priors",
    )


def _grid(width: float, step: float, dim: int) -> Tensor:
    """Return the points of a symmetric grid, `C x D`."""
    count = math.ceil(width / step)
    line = torch.arange(-count, count + 1, dtype=torch.float64) * step
    return torch.cartesian_prod(*[line] * dim).reshape(-1, dim)
