"""The diagonal metric: how far each coordinate may move for a unit of momentum.

A metric is kept as its scale `s`, `C x D`: the standard deviations of the positions, the square
root of the inverse mass. Momenta are kept in the coordinates `z / s`, where they are standard
normal, so the kinetic energy is half their squared norm whatever the metric.
"""

import torch
from torch import Tensor

from workers.engines.kernels.welford import Welford, variance

#: Stan's regularisation: five imaginary positions of this variance.
PRIOR_COUNT, PRIOR_VARIANCE = 5.0, 1e-3


def unit(chains: int, dim: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the metric before anything is learnt: ones, `C x D`."""
    return torch.ones(chains, dim, dtype=dtype, device=device)


def learn(moments: Welford, previous: Tensor) -> Tensor:
    """Return the scale, `C x D`, that a window's positions teach: the same for every chain.

    Each coordinate takes the median over chains of the chains' own variances, which has the
    precision of all chains together, and which a minority of chains that are stuck (variance near
    zero) or lost (variance huge, mean far away) cannot spoil. The median is shrunk as in Stan
    (`covar_adaptation`), with the positions of all chains counted. A coordinate without a finite
    variance keeps its previous scale.

    Args:
        moments: of the window's positions.
        previous: the scale so far, `C x D`.
    """
    pooled = variance(moments).quantile(0.5, dim=0)  # D
    count = moments.count * len(previous)
    shrunk = (count * pooled + PRIOR_COUNT * PRIOR_VARIANCE) / (count + PRIOR_COUNT)
    scale = shrunk.sqrt().to(previous.dtype).expand_as(previous)
    return torch.where(scale.isfinite() & (scale > 0), scale, previous)
