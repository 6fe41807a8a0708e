"""The terms of a log density that each unknown's value takes part in.

The rest of the log density does not change with that value: it cancels in the value's conditional
distribution, and is nothing but noise in a score-function gradient. So leaving it out is a
Rao-Blackwellisation of the gradient (Ranganath, Gerrish and Blei, Black box variational inference,
2014, section 3.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.cut.tape import tape
from models.dependence import MANY, NONE, Labels, dependence
from models.points import Points
from models.supports import greatest_of
from models.trace import Reading, fenced


@dataclass(frozen=True)
class Blankets:
    """Which of `F` terms hang on which of `K` entries of unknowns."""

    #: By unknown: its entries.
    sites: tuple[range, ...]
    #: Pairs of a term and the one entry of an unknown that it hangs on.
    terms: Tensor
    entries: Tensor
    #: By unknown: the terms that hang on several of its entries, or may.
    shared: tuple[Tensor, ...]
    #: The greatest value of every discrete entry, in float64: infinity where there is none, or
    #: where it is not known from the data alone.
    limits: Tensor

    def sums(self, terms: Tensor) -> Tensor:
        """Return the sum of every entry's own terms, `C x K`, from all terms: `C x F`."""
        count = sum(len(site) for site in self.sites)
        sums = terms.new_zeros(len(terms), count)
        sums.scatter_add_(1, self.entries.expand(len(terms), -1), terms[:, self.terms])
        for site, shared in zip(self.sites, self.shared, strict=True):
            if len(shared):
                sums[:, site.start : site.stop] += terms[:, shared].sum(1, keepdim=True)
        return sums

    def apart(self) -> list[Tensor]:
        """Return groups of entries, children before parents, no two of a group in one term.

        All may move at once, and each of them sees its own terms alone change.
        """
        groups = []
        for site, shared in zip(reversed(self.sites), reversed(self.shared), strict=True):
            entries = torch.arange(site.start, site.stop, device=self.entries.device)
            groups += list(entries.split(1)) if len(shared) else [entries]
        return groups


def blankets_of(labels: Labels, count: int, sizes: Sequence[int], limits: Tensor) -> Blankets:
    """Return the blankets of unknowns.

    Args:
        labels: of `F` terms, by unknown, with entries from 1.
        count: `F`.
        sizes: of the unknowns; `K` in all.
        limits: the greatest value of every discrete entry.
    """
    device = limits.device
    terms, entries, shared, sites = [], [], [], []
    first = 0
    for site, size in enumerate(sizes):
        own = labels.get(site, torch.zeros(count, dtype=torch.int64))
        single = (own != NONE) & (own != MANY)
        terms.append(single.nonzero()[:, 0])
        entries.append(own[single] - 1 + first)
        shared.append((own == MANY).nonzero()[:, 0].to(device))
        sites.append(range(first, first + size))
        first += size
    return Blankets(
        tuple(sites),
        torch.cat(terms).to(device),
        torch.cat(entries).to(device),
        tuple(shared),
        limits,
    )


def followed(points: Points, arguments: Sequence[Tensor]) -> Blankets:
    """Return which terms of a program's log density hang on which discrete values.

    Where there are none: which of them hang on which coordinates.
    """
    parameters, context = points.layout.parameters, points.context
    origin = torch.zeros(points.layout.dim, dtype=context.dtype, device=context.device)
    discrete = [n for n, p in enumerate(parameters) if p.discrete]
    chosen = discrete or list(range(len(parameters)))
    sizes = [parameters[n].size for n in chosen]

    def told(z: Tensor) -> Tensor:
        limits = _limits(points.exactly(z, arguments))
        return torch.cat([points.summands(z, arguments), limits])

    with fenced():
        taken = tape(told, origin)
        reading = points.exactly(origin, arguments)
        count, limits = len(points.summands(origin, arguments)), _limits(reading)
    if taken is None:
        # What hangs on what cannot be told: everything may.
        everything = torch.full((count,), MANY)
        own = dict.fromkeys(range(len(sizes)), everything)
        return blankets_of(own, count, sizes, _limits(reading, numbers=True))
    labels = dependence(taken, [range(p.offset, p.offset + p.size) for p in parameters])
    for moving in labels.values():
        limits = limits.masked_fill(moving[count:].to(limits.device) != NONE, math.inf)
    own = {place: labels[n][:count] for place, n in enumerate(chosen) if n in labels}
    return blankets_of(own, count, sizes, limits)


def _limits(reading: Reading, numbers: bool = False) -> Tensor:
    """Return the greatest value of every discrete entry, `K` in float64.

    With `numbers`, only of those whose support has it as a plain number.
    """
    device = next(iter(reading.log_dets.values())).device
    limits = [torch.zeros(0, dtype=torch.float64, device=device)]
    for unknown in reading.unknowns:
        if unknown.discrete:
            found = greatest_of(unknown.constraint)
            # What has more dimensions hangs on a latent that is summed out.
            open_ = isinstance(found, Tensor) and (numbers or found.dim() > len(unknown.shape))
            limit = torch.as_tensor(math.inf if open_ else found).to(device, torch.float64)
            limits.append(limit.expand(unknown.shape).reshape(-1))
    return torch.cat(limits)
