"""How good the draws of a run under way are, looked at after fixed numbers of draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor, from_numpy

from models.density import AbstractLogDensity
from workers.goal import Goal, Progress, is_check, measure
from workers.memory import Memory
from workers.sink import Array

#: How much faster than expected the draws may have become good; and after how many times as many
#: draws as at the latest look there is another in any case.
HOPE, LATEST = 1.25, 2.0


@dataclass(frozen=True)
class Watch:
    """What has been seen of a run's draws; part of a sampler's state.

    A run without a goal is not watched, and remembers nothing.
    """

    goal: Goal | None
    #: Groups of adjacent chains that share a start; None where each has its own.
    superchains: int | None = None
    memory: Memory = field(default_factory=Memory)
    #: What the latest look showed.
    progress: Progress = field(default_factory=lambda: Progress(None, None))
    #: Draws per chain at that look; 0 before the first.
    looked: int = 0
    #: Whether the goal was met.
    met: bool = False

    def room(self, most: int) -> int:
        """Return how many draws per chain, at most `most`, to make before the next look."""
        if self.goal is None:
            return most
        goal, seen = self.goal, self.memory.seen

        def looks(n: int) -> bool:
            return is_check(seen + n) and self._promising(goal, seen + n)

        return next((n for n in range(1, most) if looks(n)), most)

    def numbers(self) -> dict[str, float]:
        """Return what the latest look showed, for a progress bar."""
        shown = {"ess_bulk": self.progress.ess_bulk}
        return {name: value for name, value in shown.items() if value is not None}

    def take(self, density: AbstractLogDensity, z: Tensor, last: bool = False) -> "Watch":
        """Return the watch after more draws, `C x K x D`; look at them all if it is time.

        Args:
            density: for the parameters' values.
            z: the draws.
            last: whether no more draws will come, so that this is the time.
        """
        if self.goal is None:
            return self
        after = replace(self, memory=self.memory.add(z))
        seen = after.memory.seen
        if not last and not (is_check(seen) and self._promising(self.goal, seen)):
            return after
        values = _constrained(density, after.memory)
        worst = self.progress.worst
        progress = measure(values, self.superchains, self.goal.ess_bulk, worst)
        return replace(after, progress=progress, looked=seen, met=self.goal.met(progress))

    def _promising(self, goal: Goal, seen: int) -> bool:
        """Return whether the goal may be met after so many draws, going by the latest look.

        An effective size grows with the draws, and the excess of R-hat falls with them. A look may
        cost more than the draws between two of them, so one that is bound to fail is left out.
        """
        if not self.looked or seen >= LATEST * self.looked:
            return True
        more = HOPE * seen / self.looked
        ess, r_hat = self.progress.ess_bulk, self.progress.r_hat
        enough = goal.ess_bulk is None or ess is None or ess * more >= goal.ess_bulk
        alike = goal.r_hat is None or r_hat is None or (r_hat**2 - 1) <= more * (goal.r_hat**2 - 1)
        return enough and alike


def _constrained(density: AbstractLogDensity, memory: Memory) -> Mapping[str, Array]:
    """Return the draws held by parameter, `C x k x shape`."""
    held = memory.values()
    chains, count, dim = held.shape
    flat = from_numpy(held.reshape(chains * count, dim)).to(density.device, density.dtype)
    return {
        name: np.asarray(values.cpu()).reshape(chains, count, *values.shape[1:])
        for name, values in density.constrain_parameters(flat).items()
    }
