"""How the learning rate falls over a fit.

`plateau` lowers it where the ELBO has stopped rising, and over the last quarter of the steps in any
case. `constant` keeps it: what is averaged at the end is then a walk about the optimum (Polyak and
Juditsky, 1992). `cosine` follows half a wave over all steps, whatever the ELBO does (Loshchilov and
Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, eq. 5).
"""

import math
from typing import Literal

from workers.engines.kernels.plateau import LEVELS, Plateau

Schedule = Literal["plateau", "constant", "cosine"]
#: The factor that no schedule goes below.
LOWEST = LEVELS[-1]
#: Levels of a rate that does not follow the ELBO: before it has stopped rising, and after.
STEADY = (1.0, 1.0)


def start_plateau(schedule: Schedule) -> Plateau:
    """Return what looks at the ELBO."""
    return Plateau(levels=LEVELS if schedule == "plateau" else STEADY)


def factor(schedule: Schedule, plateau: Plateau, done: int, steps: int) -> float:
    """Return the factor on the learning rate after `done` of `steps` steps."""
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return max(LOWEST, 0.5 * (1.0 + math.cos(math.pi * done / steps)))
    # The last quarter is for fits that never settle.
    return plateau.factor * min(1.0, max(LOWEST, 4.0 * (1.0 - done / steps)))
