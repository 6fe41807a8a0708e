"""Where the cells of discrete unknowns lie, and with what probabilities they begin.

One group of entries after another: along each entry the terms that it takes part in are looked at
from far to near, for the most probable value and for the ends, below which there is next to
nothing; then every cell gets the probability that is best given the factors of all others,
proportional to the exponential of the terms' mean over draws of these (Bishop, Pattern recognition
and machine learning (2006), eq. 10.9). Entries that share no term move together.

The other entries are looked at where they are most probable and at both ends of their cells: where
values of two unknowns exclude each other, as a count and a larger part of it, what remains is a box
without such pairs, and the ELBO is finite on all of it.

Shape letters: `S` draws, `D` continuous coordinates, `K` discrete entries, `E` of a group, `M`
candidates, `W` cells.
"""

import math

import torch
from torch import Tensor

from models.mixed import MixedDensity
from workers.engines.kernels.cells import Cells
from workers.errors import NoInitialPointError

#: Cells of an entry at the most; nats below the most probable value at which they end.
MOST, DEPTH = 64, 20.0
#: Points of one evaluation; pieces that an interval is cut into.
ROWS, FAN = 64, 16
#: Draws of the prior that a search may begin at.
TRIES = 16
#: Powers of two up to which values are looked for; in float32 larger ones are not whole.
REACH = {torch.float32: 22, torch.float64: 30}


class CellSearch:
    """Lays cells for all entries, and remembers where their factors stand.

    Args:
        density: of the model.
        z: draws of the continuous coordinates, `S x D`; the first one is where ends are looked for.
        values: of the discrete entries beside them, `S x K` in float64.
        cells: where they lay before.
    """

    def __init__(
        self, density: MixedDensity, z: Tensor, values: Tensor, cells: Cells | None = None
    ) -> None:
        self._density, self._z, self._values = density, z, values.clone()
        #: The most probable values: `K`.
        self.modes = self._values[0].clone()
        self._low, self._high = self.modes.clone(), self.modes.clone()
        if cells is not None:
            there = cells.width > 0.0
            last = cells.start + cells.width - 1.0
            self._low = cells.start.masked_fill(~there, math.inf).amin(1)
            self._high = last.masked_fill(~there, -math.inf).amax(1)
        device, count = self.modes.device, len(self.modes)
        self._limits = density.blankets.limits
        self._steps = 2.0 ** torch.arange(REACH[z.dtype] + 1, dtype=torch.float64, device=device)
        self._start = torch.zeros(count, MOST, dtype=torch.float64, device=device)
        self._width = torch.zeros_like(self._start)
        self._logits = torch.zeros_like(self._start)
        self._beyond = torch.zeros(count, 2, dtype=torch.bool, device=device)

    def sweep(self, generator: torch.Generator) -> tuple[Cells, Tensor]:
        """Lay the cells of every entry once; return them with their logits, `K x W`."""
        for entries in self._density.blankets.apart():
            self._lay(entries, generator)
        used = int((self._width > 0.0).nonzero()[:, 1].max()) + 1
        start, width, logits = (
            table[:, :used].clone() for table in (self._start, self._width, self._logits)
        )
        return Cells(start, width, self._beyond.clone()), logits

    def _lay(self, entries: Tensor, generator: torch.Generator) -> None:
        limits = self._limits[entries]
        if float(limits.max()) < MOST:
            low, high = torch.zeros_like(limits), limits
            beyond = torch.zeros(len(entries), 2, dtype=torch.bool, device=entries.device)
        else:
            low, high, beyond = self._range(entries)
        stride = ((high - low + 1.0) / MOST).ceil()
        places = torch.arange(MOST, dtype=torch.float64, device=entries.device)
        start = low[:, None] + stride[:, None] * places  # E x W
        width = (high[:, None] + 1.0 - start).minimum(stride[:, None]).clamp(min=0.0)
        start = start.minimum(high[:, None])
        cells = self._weighed(entries, Cells(start, width, beyond))
        self._draw(entries, cells, generator)

    def _weighed(self, entries: Tensor, cells: Cells) -> Cells:
        """Give cells their logits; those without a density are not there."""
        middle = cells.middle.T  # W x E
        height = self._mean(entries, middle).T
        there = (
            (cells.width > 0.0) & height.isfinite() & self._heights(entries, middle).T.isfinite()
        )
        start, width = cells.start.clone(), cells.width * there
        lost = ~there.any(1)
        # Without a density anywhere an entry stays where it is.
        start[lost, 0], width[lost, 0] = self.modes[entries][lost], 1.0
        logits = (height + width.log()).masked_fill(width == 0.0, -math.inf)
        logits[lost, 0] = 0.0
        logits = logits.log_softmax(1)
        best = (logits - width.log()).nan_to_num(-math.inf, neginf=-math.inf).argmax(1)[:, None]
        laid = Cells(start, width, cells.beyond)
        self.modes[entries] = laid.middle.gather(1, best)[:, 0]
        self._low[entries] = start.masked_fill(width == 0.0, math.inf).amin(1)
        self._high[entries] = (start + width - 1.0).masked_fill(width == 0.0, -math.inf).amax(1)
        self._start[entries], self._width[entries] = start, width
        self._logits[entries] = logits.masked_fill(width == 0.0, 0.0)
        self._beyond[entries] = cells.beyond
        return laid

    def _draw(self, entries: Tensor, cells: Cells, generator: torch.Generator) -> None:
        _, values = cells.draw(self._logits[entries], generator, len(self._z))
        self._values[:, entries] = values

    def _range(self, entries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ends of what has a density worth a cell, and whether more lies beyond."""
        mode, top = self._mode(entries)
        limits = self._limits[entries]
        low, below = self._end(entries, mode, top, (mode - self._steps[:, None]).clamp(min=0.0))
        high, above = self._end(entries, mode, top, (mode + self._steps[:, None]).minimum(limits))
        return low, high, torch.stack([below, above], dim=1)

    def _mode(self, entries: Tensor) -> tuple[Tensor, Tensor]:
        """Return the most probable values and their heights, `E` each; a bend must not hide one."""
        own = torch.cat([self._steps.new_zeros(1), self._steps, 1.5 * self._steps[1:]])
        points = torch.cat([own[:, None].minimum(self._limits[entries]), self.modes[entries][None]])
        mode, top = points[-1], self._heights(entries, points[-1:])[0]
        left, right = mode, mode
        while True:
            heights = self._heights(entries, points)
            best = heights.argmax(0, keepdim=True)
            higher = heights.gather(0, best)[0] > top
            mode = torch.where(higher, points.gather(0, best)[0], mode)
            top = torch.where(higher, heights.gather(0, best)[0], top)
            left = points.masked_fill(points >= mode, -math.inf).amax(0)
            right = points.masked_fill(points <= mode, math.inf).amin(0)
            left, right = left.where(left.isfinite(), mode), right.where(right.isfinite(), mode)
            if float((right - left).max()) <= 2.0:
                return mode, top
            points = _grid(left, right).floor()

    def _end(
        self, entries: Tensor, mode: Tensor, top: Tensor, points: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the last value on one side that is worth a cell, and whether more lies beyond.

        Args:
            entries: `E`.
            mode: their most probable values: `E`.
            top: and how high these are: `E`.
            points: values ever further away: `M x E`.
        """
        inner, outer = mode, mode
        points = torch.cat([mode[None], points])
        while True:
            inside = (self._heights(entries, points) >= top - DEPTH).cumprod(0)
            inside[0] = 1
            last = inside.sum(0, keepdim=True) - 1
            inner = points.gather(0, last)[0]
            outer = points.gather(0, (last + 1).clamp(max=len(points) - 1))[0]
            if float((outer - inner).abs().max()) <= 1.0:
                more = self._heights(entries, outer[None])[0].isfinite() & (outer != inner)
                return inner, more
            points = _grid(inner, outer).round()

    def _heights(self, entries: Tensor, candidates: Tensor) -> Tensor:
        """Return the terms of each entry at candidates, `M x E` of `M x E`, others where they are.

        Where they have no density with the others at an end of their cells, it is `-inf`.
        """
        others = [self.modes, self._low, self._high]
        spread = not (torch.equal(self.modes, self._low) and torch.equal(self.modes, self._high))
        rows = torch.stack(others if spread else others[:1])  # 1 or 3, x K
        values = rows.repeat(len(candidates), 1)
        values[:, entries] = candidates.repeat_interleave(len(rows), 0)
        own = self._own(self._z[:1].expand(len(values), -1), values, entries)
        own = own.reshape(len(candidates), len(rows), -1)
        return own[:, 0].masked_fill(~own.isfinite().all(1), -math.inf)

    def _mean(self, entries: Tensor, candidates: Tensor) -> Tensor:
        """Return the mean of the terms of each entry over the draws of the others, `M x E`."""
        count = len(self._z)
        values = self._values.repeat(len(candidates), 1)
        values[:, entries] = candidates.repeat_interleave(count, 0)
        own = self._own(self._z.repeat(len(candidates), 1), values, entries)
        own = own.reshape(len(candidates), count, -1)
        return own.mean(1).masked_fill(~own.isfinite().all(1), -math.inf)

    def _own(self, z: Tensor, values: Tensor, entries: Tensor) -> Tensor:
        return self._density.tell(z, values, ROWS).own[:, entries]


def _grid(first: Tensor, last: Tensor) -> Tensor:
    """Return `FAN + 1` places from one to the other, both among them: `M x E`."""
    shares = torch.arange(FAN + 1, dtype=torch.float64, device=first.device) / FAN
    return first + (last - first) * shares[:, None]


def first_values(density: MixedDensity, generator: torch.Generator) -> Tensor:
    """Return values of the discrete entries, `K`, at which the log density can be finite.

    Args:
        density: of the model.
        generator: of the prior's draws, from which they are looked for.

    Raises:
        NoInitialPointError: none of the draws leads to any.
    """
    z, values = density.initial(generator, TRIES)
    for one, beside in zip(z.split(1), values.split(1), strict=True):
        search = CellSearch(density, one, beside)
        search.sweep(generator)
        if bool(density.tell(one, search.modes[None], ROWS).log_density.isfinite()):
            return search.modes
    names = tuple(p.name for p in density.density.parameters if p.discrete)
    told = ", ".join(f"'{name}'" for name in names)
    raise NoInitialPointError(
        f"The log density is not finite at any of {TRIES} initial points, whatever the values of "
        f"the discrete latents {told}. Check their priors against the data.",
        names,
    )
