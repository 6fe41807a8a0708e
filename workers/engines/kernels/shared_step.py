"""One step size for all chains, moved until their common acceptance is the target.

Dual averaging (Nesterov 2009; Hoffman and Gelman 2014, equation 6) of numbers rather than tensors.
The acceptance is averaged over many chains, so it is far less noisy than one chain's, and the
constants are bolder than Stan's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

#: Steps by which the first iterations are damped; how fast the average forgets, in ]0.5, 1]; how
#: strongly the log step size is held back.
T0, KAPPA, GAMMA = 5.0, 0.75, 0.15
#: Share of the chains, those with the least acceptance, that has no say.
DEAF = 16
#: Acceptances are taken for at least this.
LEAST = 1e-3
#: The acceptance of one leapfrog at which the first step size is found, and how many doublings.
FIRST_ACCEPT, MOST = 0.8, 50


@dataclass(frozen=True)
class SharedStep:
    """The state of the averaging."""

    log_step: float
    #: Weighted average of the log step sizes: what to use once adaptation is over.
    log_average: float
    #: Running error of the acceptance, target minus seen.
    error: float
    #: The log step size that the present ones are drawn to.
    mu: float
    count: int

    @property
    def size(self) -> float:
        """The step size to try next."""
        return math.exp(self.log_step)

    @property
    def average(self) -> float:
        """The step size to sample with."""
        return math.exp(self.log_average)


def start(size: float) -> SharedStep:
    """Return the state that begins at a step size."""
    log = math.log(size)
    return SharedStep(log, log, 0.0, log, 0)


def update(state: SharedStep, acceptance: float, target: float) -> SharedStep:
    """Return the state after an iteration with this common acceptance."""
    count = state.count + 1
    weight = 1.0 / (count + T0)
    error = (1.0 - weight) * state.error + weight * (target - acceptance)
    log_step = state.mu - math.sqrt(count) / GAMMA * error
    share = count**-KAPPA
    log_average = share * log_step + (1.0 - share) * state.log_average
    return SharedStep(log_step, log_average, error, state.mu, count)


def common(acceptance: Tensor) -> float:
    """Return the harmonic mean of the chains' acceptances, `C`, but for the least sixteenth.

    The harmonic mean heeds the chains for which the step is too large (Hoffman, Radul and
    Sountsov 2021, section 4). A chain that accepts nothing would bring it to zero, so a few chains
    at a bad start would make all others crawl: the least are left out.
    """
    # Numbers so few are quicker sorted by Python than by torch.
    chains = sorted(acceptance.tolist())
    kept = chains[-(-len(chains) // DEAF) if len(chains) >= DEAF else 0 :]
    return len(kept) / sum(1.0 / max(LEAST, share) for share in kept)


def first(size: float, gains: Callable[[float], Tensor]) -> float:
    """Return the power of two times `size` at which one leapfrog's acceptance crosses 0.8.

    Args:
        size: where the search begins.
        gains: step size -> gain of the log joint over one leapfrog, `C`.
    """

    def small_enough(size: float) -> bool:
        return common(gains(size).clamp(max=0.0).exp()) > FIRST_ACCEPT

    doubling = small_enough(size)
    for _ in range(MOST):
        size *= 2.0 if doubling else 0.5
        if small_enough(size) != doubling:
            break
    return size / 2.0 if doubling else size
