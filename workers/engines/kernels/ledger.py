"""The leaves of a trajectory as they were visited: one row of numbers per leapfrog."""

import torch
from torch import Tensor

#: An energy error beyond this is a divergence (Stan's `max_deltaH`).
DIVERGENCE = 1000.0


class Ledger:
    """Notes every leaf; row 0 is the start. Kept as lists: stacked once, not at every leapfrog."""

    def __init__(self, log_density: Tensor) -> None:
        """Begin with the start's log density, `C`."""
        zero = torch.zeros_like(log_density)
        self._gains = [zero]
        self._log_densities = [log_density]
        self._alive = [zero.bool()]

    def __len__(self) -> int:
        return len(self._gains)

    def add(self, gain: Tensor, log_density: Tensor, alive: Tensor) -> None:
        """Note a leaf: gain of its log joint and its log density, `C`; the chains it counts for."""
        self._gains.append(gain)
        self._log_densities.append(log_density)
        self._alive.append(alive)

    def gains(self, first: int = 0) -> Tensor:
        """Return the gains from a row on, `L x C`."""
        return torch.stack(self._gains[first:])

    def at(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Return gain and log density, `C` each, of one row per chain, `C`."""
        both = torch.stack([torch.stack(self._gains), torch.stack(self._log_densities)])
        gain, log_density = both.gather(1, row.expand(2, 1, -1))[:, 0]
        return gain, log_density

    def totals(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return leapfrogs, mean acceptance `min(1, exp(gain))` and divergence per chain: `C`."""
        gains, alive = self.gains(), torch.stack(self._alive)
        leapfrogs = alive.sum(0)
        acceptance = (gains.clamp(max=0.0).exp() * alive).sum(0) / leapfrogs
        return leapfrogs, acceptance, (alive & (gains < -DIVERGENCE)).any(0)
