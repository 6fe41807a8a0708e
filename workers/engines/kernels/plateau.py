"""When to slow down and when to stop, by the ELBO's own trace.

The trace is cut into windows. Where a window's median is no better than the one before by more than
the tolerance and the Monte Carlo error, the present learning rate has given what it can: it
falls. After the lowest rate, whose iterates are averaged (Polyak and Juditsky, 1992; Dhaka et al.,
Robust, accurate stochastic optimization for variational inference, 2020), the fit has converged.
"""

import math
import statistics
from dataclasses import dataclass, replace

#: Steps of a window, and factors on the learning rate, one after another.
WINDOW = 100
LEVELS = (1.0, 0.3, 0.1, 0.03)
#: Windows at the least at each level, and at the last one.
LEAST, LEAST_LAST = 2, 5
#: Nats by which the noise of the averaged iterates may lower the ELBO.
SETTLED = 0.005


@dataclass(frozen=True)
class Plateau:
    """Where the schedule stands."""

    level: int = 0
    #: Factors on the learning rate, one after another.
    levels: tuple[float, ...] = LEVELS
    #: ELBO estimates of the present window.
    values: tuple[float, ...] = ()
    #: Medians and their standard errors, of this level's windows.
    windows: tuple[tuple[float, float], ...] = ()

    @property
    def last(self) -> bool:
        """Whether the lowest learning rate is reached."""
        return self.level == len(self.levels) - 1

    @property
    def done(self) -> bool:
        """Whether the fit has converged."""
        return self.level == len(self.levels)

    @property
    def factor(self) -> float:
        """The factor on the learning rate."""
        return self.levels[min(self.level, len(self.levels) - 1)]


def last_windows(parameters: int, particles: int, steps: int) -> int:
    """Return how many windows the last level needs.

    At the optimum, in the frame's units, each parameter's gradient has variance 2 / particles (half
    of them are mirror images), so the average of `n` iterates lowers the ELBO by about
    parameters / (particles n). A quarter of all steps is the most that is spent on it.
    """
    needed = parameters / (particles * SETTLED)
    return max(LEAST_LAST, math.ceil(min(needed, steps / 4) / WINDOW))


def follow(
    plateau: Plateau, elbo: float, tolerance: float, least_last: int = LEAST_LAST
) -> Plateau:
    """Take one estimate in.

    Args:
        plateau: the schedule so far.
        elbo: the new estimate.
        tolerance: a smaller rise from window to window, in nats, is none.
        least_last: windows at the least at the last level.
    """
    values = (*plateau.values, elbo)
    if len(values) < WINDOW:
        return replace(plateau, values=values)
    windows = (*plateau.windows, _median(values))
    least = least_last if plateau.last else LEAST
    if len(windows) >= least and not _rises(windows, tolerance):
        return Plateau(plateau.level + 1, plateau.levels)
    return replace(plateau, values=(), windows=windows)


def _median(values: tuple[float, ...]) -> tuple[float, float]:
    """Return the median and its standard error, robust against a few wild estimates."""
    middle = statistics.median(values)
    quartiles = statistics.quantiles(values, n=4)
    sd = (quartiles[2] - quartiles[0]) / 1.349
    return middle, 1.2533 * sd / math.sqrt(len(values))


def _rises(windows: tuple[tuple[float, float], ...], tolerance: float) -> bool:
    (before, error_before), (now, error) = windows[-2:]
    return now - before > max(tolerance, math.hypot(error, error_before))
