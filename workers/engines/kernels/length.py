"""The trajectory length, moved uphill on the expected change of the squared distance.

Hoffman, Radul and Sountsov, An adaptive-MCMC scheme for setting trajectory lengths in Hamiltonian
Monte Carlo (AISTATS 2021, PMLR 130:3907): ChEES, the change in the estimator of the expected
square,

    C(T) = 1/4 E[(|x' - E x'|^2 - |x - E x|^2)^2],

here in whitened coordinates, where directions are alike. The ascent is on `log C - COST log T`:
with jittered lengths `C` hardly falls beyond its maximum, and a little price on length keeps `T`
from drifting there. It is Adam's (Kingma and Ba 2015) without momentum.
"""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from workers.engines.kernels.metric import Array, Metric
from workers.engines.kernels.transition import Proposed

#: Step of the ascent in log length, what its scale keeps of the past, and its largest step.
RATE, KEEP, LARGEST = 0.05, 0.95, 0.35
#: The price of length: the share of its relative growth by which `C` must grow at least.
COST = 0.25
#: A proposal accepted with less than this has no say; a chain's say is at most so many medians.
LEAST, SAY = 1e-4, 30.0


@dataclass(frozen=True)
class Length:
    """The state of the ascent."""

    log_length: float
    #: Weighted average of the log lengths: what to use once adaptation is over.
    log_average: float
    #: Running mean square of the gradient.
    square: float = 0.0
    count: int = 0

    @property
    def now(self) -> float:
        """The length to try next."""
        return math.exp(self.log_length)

    @property
    def average(self) -> float:
        """The length to sample with."""
        return math.exp(self.log_average)


def start(length: float) -> Length:
    """Return the state that begins at a length."""
    return Length(math.log(length), math.log(length))


def update(state: Length, slope: float, least: float, most: float) -> Length:
    """Return the state after an iteration; `slope` is the gradient with respect to log length."""
    if not math.isfinite(slope):
        return state
    count = state.count + 1
    square = KEEP * state.square + (1.0 - KEEP) * slope * slope
    size = math.sqrt(square / (1.0 - KEEP**count))
    move = RATE * slope / size if size > 0.0 else 0.0
    log_length = state.log_length + min(LARGEST, max(-LARGEST, move))
    log_length = min(math.log(most), max(math.log(least), log_length))
    share = count**-0.5
    log_average = share * log_length + (1.0 - share) * state.log_average
    return Length(log_length, log_average, square, count)


def slope(before: Tensor, proposed: Proposed, metric: Metric, time: float) -> float:
    """Return the gradient of what is climbed with respect to log length.

    Args:
        before: where the chains were, `C x D`.
        proposed: where they were led.
        metric: whose whitened coordinates count.
        time: how long the trajectories were.
    """
    weight = _array(proposed.made.acceptance)
    heard = weight > LEAST
    weight = np.where(heard, weight, 0.0)
    start, momentum = _array(before), _array(proposed.p)
    end = np.where(heard[:, None], _array(proposed.z), start)
    with np.errstate(all="ignore"):
        total = weight.sum()
        x = metric.whiten_array(start - start.mean(0))
        y = metric.whiten_array(end - (weight @ end) / total)
        change = np.einsum("cd,cd->c", y, y) - np.einsum("cd,cd->c", x, x)
        says = np.where(heard, weight * change * np.einsum("cd,cd->c", y, momentum), 0.0)
        bound = SAY * float(np.median(np.abs(says)))
        rise = time * float(np.clip(says, -bound, bound).sum() / total)
        level = 0.25 * float((weight * change * change).sum() / total)
    return rise / level - COST if level > 0.0 else 0.0


def _array(x: Tensor) -> Array:
    """Return small arrays as NumPy's, whose operations take a third of the time of torch's."""
    array: Array = x.detach().cpu().numpy()
    return array
