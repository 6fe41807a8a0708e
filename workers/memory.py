"""The draws that a run's quality is measured on: all of them at first, then evenly fewer.

Shape letters: `C` chains, `K` draws of a block, `D` unconstrained dimension.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.sink import Array

#: Numbers held at the most.
MOST_NUMBERS = 1 << 22
#: Draws per chain held at the least, however many chains and dimensions there are.
FEWEST_DRAWS = 16


@dataclass(frozen=True)
class Memory:
    """Every draw, or every second, fourth, ... draw, of a run: a value that `add` makes anew.

    It is part of a sampler's state, so of its checkpoint. What is held depends on the draws seen
    and not on the blocks they came in. An effective size of what is held is at most that of all
    draws, so a goal that is met is met by all of them.

    >>> memory = Memory().add(torch.zeros(4, 10, 3))
    >>> memory.values().shape
    (4, 10, 3)
    """

    #: `C x k x D` each, of falling size, so that few are joined when a draw is added.
    blocks: tuple[Tensor, ...] = ()
    #: Draws per chain in the blocks.
    held: int = 0
    #: Draws per chain seen.
    seen: int = 0
    #: The draws held are those whose number, from 0, is a multiple of this.
    step: int = 1

    def add(self, z: Tensor) -> "Memory":
        """Return the memory of these draws too, `C x K x D`, on their device and in their type."""
        first = -self.seen % self.step
        chosen = z[:, first :: self.step]
        room = max(FEWEST_DRAWS, MOST_NUMBERS // (z.shape[0] * z.shape[2])) - self.held
        if chosen.shape[1] <= room:
            return self._with(chosen, z.shape[1])
        if not room:
            return self._thinned().add(z)
        fitting = first + (room - 1) * self.step + 1
        return self._with(chosen[:, :room], fitting).add(z[:, fitting:])

    def values(self) -> Array:
        """Return the draws held, `C x k x D` in float64."""
        array: Array = torch.cat(self.blocks, dim=1).to("cpu", torch.float64).numpy()
        return array

    def _with(self, chosen: Tensor, seen: int) -> "Memory":
        blocks, held = self.blocks, self.held + chosen.shape[1]
        if chosen.shape[1]:
            # A copy: a view would keep the whole block alive.
            last = chosen.detach().clone()
            while blocks and blocks[-1].shape[1] <= last.shape[1]:
                last = torch.cat([blocks[-1], last], dim=1)
                blocks = blocks[:-1]
            blocks = (*blocks, last)
        return replace(self, blocks=blocks, held=held, seen=self.seen + seen)

    def _thinned(self) -> "Memory":
        """Return the memory of every second draw of these."""
        block = torch.cat(self.blocks, dim=1)[:, ::2].clone()
        return replace(self, blocks=(block,), held=block.shape[1], step=2 * self.step)
