"""Coordinates in which a posterior looks round: where guides live and what Adam steps in.

With `z = centre + root w`, a learning rate means the same for a coefficient of -61 000 with a
standard deviation of 9 000 as for one of 0.1 with 0.01.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels.spectrum import spectrum

#: Curvatures below this, in units of the others, are widened no further.
FLATTEST = 1e-3


@dataclass(frozen=True)
class Frame:
    """An affine map from `w` to `z`."""

    #: `D`.
    centre: Tensor
    #: `D` (a diagonal) or `D x D` (lower triangular, positive diagonal).
    root: Tensor

    def place(self, w: Tensor) -> Tensor:
        """Return `z`: `C x D` from `w`: `C x D`."""
        return self.centre + (w * self.root if self.root.ndim == 1 else w @ self.root.T)

    def pull(self, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to `w` from that with respect to `z`: `C x D`."""
        return gradient * self.root if self.root.ndim == 1 else gradient @ self.root

    def log_det(self) -> Tensor:
        """Return log |det root|, a scalar in float64."""
        diagonal = self.root if self.root.ndim == 1 else self.root.diagonal()
        return diagonal.to(torch.float64).log().sum()

    def shrink(self, factor: float) -> "Frame":
        """Return the same frame, narrower."""
        return Frame(self.centre, factor * self.root)

    def moved(self, loc: Tensor, scale: Tensor) -> "Frame":
        """Return the frame whose standard normal is the normal `loc`: `D`, `scale`: `D` in this."""
        return Frame(self.place(loc[None])[0], self.root * scale)

    def to(self, dtype: torch.dtype) -> "Frame":
        """Return the same frame in another dtype."""
        return Frame(self.centre.to(dtype), self.root.to(dtype))


def frame_of(centre: Tensor, hessian: Tensor, dense: bool) -> Frame:
    """Return the frame of the normal with mode `centre`: `D` and the given curvature.

    Args:
        centre: `D` in float64.
        hessian: `D x D`, of minus the log density; negative curvature counts as positive.
        dense: take correlations into account.
    """
    shape = spectrum(hessian, centre)
    if not dense:
        information = hessian.diagonal().abs() * shape.scale**2  # 1, or less where it has no unit
        return Frame(centre, shape.scale / information.clamp(min=FLATTEST).sqrt())
    half = shape.scale[:, None] * shape.vectors / shape.values.abs().clamp(min=FLATTEST).sqrt()
    upper = torch.linalg.qr(half.T).R
    return Frame(centre, (upper * upper.diagonal().sign()[:, None]).T.contiguous())


def round_frame(centre: Tensor, scale: float, dense: bool) -> Frame:
    """Return a frame that knows one scale for all coordinates."""
    scale = scale if math.isfinite(scale) and scale > 0 else 1.0
    diagonal = torch.full_like(centre, scale)
    return Frame(centre, torch.diag(diagonal) if dense else diagonal)
