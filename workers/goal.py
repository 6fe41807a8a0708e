"""The quality that a run is asked for with `until`, and when and how it is measured.

Shape letters: `C` chains, `N` draws, `M` entries.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from workers.draws import MemoryDraws
from workers.entries import groups
from workers.mixing import Mixing, scores_of
from workers.sink import Array

#: Draws per chain at the first check. Of fewer, half a chain is too short to show how it forgets:
#: of 8 draws the effective size is its upper bound, whatever they are.
FIRST_CHECK = 13


@dataclass(frozen=True)
class Progress:
    """How good the draws are so far; None where no entry has a number."""

    #: The smallest bulk ESS of an entry.
    ess_bulk: float | None
    #: The largest R-hat of an entry, nested where chains share starts; may be infinite.
    r_hat: float | None
    #: The entry with the smallest bulk ESS, counted over all quantities.
    worst: int | None = field(default=None, compare=False)


class Goal(BaseModel):
    """The quality target of `until`: the run ends when every entry is at least as good.

    >>> Goal(ess_bulk=400).met(Progress(ess_bulk=410.0, r_hat=1.02))
    False
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ess_bulk: float | None = Field(
        default=1000, gt=0, description="Smallest bulk ESS of any entry; null: not asked for."
    )
    r_hat: float | None = Field(
        default=1.01,
        gt=1,
        description="Largest R-hat of any entry, nested where chains share starts; null: not "
        "asked for.",
    )

    def met(self, progress: Progress) -> bool:
        """Return whether all that is asked for is reached; a number that is missing is not."""
        enough = self.ess_bulk is None or (
            progress.ess_bulk is not None and progress.ess_bulk >= self.ess_bulk
        )
        alike = self.r_hat is None or (progress.r_hat is not None and progress.r_hat <= self.r_hat)
        return enough and alike


def measure(
    values: Mapping[str, Array],
    superchains: int | None = None,
    enough: float | None = None,
    worst: int | None = None,
) -> Progress:
    """Return how good the draws are.

    Entries without variance, and those with a draw that is not finite, count in neither number.
    An entry that varies but stands still in every chain makes R-hat infinite.

    Args:
        values: draws by quantity, `C x N x shape` each.
        superchains: number of groups of adjacent chains that share a start.
        enough: the bulk ESS below which nobody asks for R-hat, which is then None.
        worst: an entry to look at first: where it has not enough, the others are not looked at.
    """
    draws = MemoryDraws(values, {})
    if not draws.draws:
        return Progress(None, None)
    table = scores_of(draws.chains, draws.draws)
    if enough is not None and worst is not None:
        own = _mixing(_entry(draws, worst), superchains, table).ess_bulk
        if bool((own < enough).any()):
            return Progress(float(own[0]), None, worst)
    sizes, ratios = [], []
    for entries in groups(draws):
        varies = _varies(entries)
        entries = entries[varies]
        mixing = _mixing(entries, superchains, table)
        sizes.append(np.full(len(varies), np.nan))
        sizes[-1][varies] = mixing.ess_bulk
        if enough is not None and bool((mixing.ess_bulk < enough).any()):
            ratios.append(np.full(0, np.nan))
            continue
        r_hat = mixing.r_hat if superchains is None else mixing.nested_r_hat
        still = (entries.min(2) == entries.max(2)).all(1)
        # Nested R-hat would take chains that stand still apart for a superchain that is wide.
        ratios.append(np.where(still & ~np.isnan(r_hat), np.inf, r_hat))
    least = _extreme(np.min, sizes)
    if least is None:
        return Progress(None, _extreme(np.max, ratios))
    few = enough is not None and least < enough
    place = int(np.nanargmin(np.concatenate(sizes)))
    return Progress(least, None if few else _extreme(np.max, ratios), place)


def _mixing(entries: Array, superchains: int | None, table: Array) -> Mixing:
    return Mixing(_without_middle(entries).transpose(1, 2, 0), superchains, table)


def _entry(draws: MemoryDraws, place: int) -> Array:
    """Return one entry, `1 x C x N`, by its place among those of all quantities."""
    for name in draws.names():
        size = math.prod(draws.shape(name))
        if place < size:
            return next(itertools.islice(draws.entries(name, 1), place, None))
        place -= size
    raise IndexError(place)


def _varies(entries: Array) -> Array:
    """Return which entries, `M x C x N`, have draws that differ, all of them finite."""
    least, most = entries.min((1, 2)), entries.max((1, 2))  # nan where a draw is.
    varies: Array = (least < most) & np.isfinite(least) & np.isfinite(most)
    return varies


def _without_middle(entries: Array) -> Array:
    """Return entries, `M x C x N`, without the middle one of an odd number of draws.

    It is in neither half of its chain, so no number here has it: it need not be put in order.
    """
    draws = entries.shape[2]
    return np.delete(entries, draws // 2, axis=2) if draws % 2 else entries


def _extreme(choose: Callable[[Array], Any], parts: Sequence[Array]) -> float | None:
    numbers = np.concatenate(parts)
    known = numbers[~np.isnan(numbers)]
    return float(choose(known)) if len(known) else None


def _check_times() -> Iterator[int]:
    time = FIRST_CHECK
    while time < 1 << 40:
        yield time
        time = (5 * time + 2) // 4


_CHECK_TIMES = frozenset(_check_times())


def is_check(draws: int) -> bool:
    """Return whether a run is checked after so many draws per chain: 13, 16, 20, 25, 31, ...

    Each time is 1.25 times the one before, rounded, so all checks together cost about five times
    the last one. Nothing but the number decides: a run that was resumed stops where it would have.
    """
    return draws in _CHECK_TIMES
