"""Draws -> posterior summary: moments, quantiles and how well the chains mix.

Shape letters: `C` chains, `N` draws, `M` entries of a group, `E` entries of all quantities.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workers.draws import MemoryDraws
from workers.engines.engine import Draws
from workers.entries import groups
from workers.mixing import Mixing, scores_of
from workers.results import Summary, Values
from workers.sink import Array

#: Probabilities whose quantiles are reported.
QUANTILES = (0.05, 0.95)


def summarize(
    draws: Draws, quantiles: Sequence[float] = QUANTILES, superchains: int | None = None
) -> dict[str, Summary]:
    """Return the summary of every quantity, in its shape; of no draws, nothing.

    A number that does not exist is None: all of an entry with a draw that is not finite; MCSE,
    ESS and R-hat of an entry without variance; R-hat of a single chain, and of chains that stand
    still apart. Nested R-hat is there when the chains share starts.

    The draws are read in groups of entries, never all at once.

    Args:
        draws: of the run.
        quantiles: probabilities to report, in ]0, 1[.
        superchains: number of groups of adjacent chains that share a start: two or more, of equal
            size.
    """
    if not draws.draws:
        return {}
    table = scores_of(draws.chains, draws.draws)
    parts = [_numbers(group, quantiles, superchains, table) for group in groups(draws)]
    shapes = {name: draws.shape(name) for name in draws.names()}
    return _dealt({key: np.concatenate([part[key] for part in parts]) for key in parts[0]}, shapes)


def summarize_array(
    values: Array, quantiles: Sequence[float] = QUANTILES, superchains: int | None = None
) -> Summary:
    """Return the summary of one quantity's draws, `C x N x shape`."""
    return summarize(MemoryDraws({"values": values}, {}), quantiles, superchains)["values"]


def _dealt(
    numbers: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Summary]:
    """Deal numbers of all entries, `E` each by name, out to the quantities."""
    dealt = {}
    first = 0
    for name, shape in shapes.items():
        last = first + math.prod(shape)
        own = {key: listed(number[first:last], shape) for key, number in numbers.items()}
        quantiles = {key: own.pop(key) for key in numbers if key not in Summary.model_fields}
        dealt[name] = Summary(quantiles=quantiles, **own)
        first = last
    return dealt


def _numbers(
    entries: Array, quantiles: Sequence[float], superchains: int | None, table: Array
) -> dict[str, Array]:
    """Return the numbers of a group of entries, `M x C x N`, by name; nan where there are none."""
    finite: Array = np.all(np.isfinite(entries), axis=(1, 2))
    if not finite.all():
        # Entries with a draw that is not finite are computed on zeros, then hidden.
        entries = np.where(finite[:, None, None], entries, 0.0)
    # Numbers near the largest there are overflow when they are squared: no spread, no ESS.
    with np.errstate(all="ignore"):
        mixing = Mixing(entries.transpose(1, 2, 0), superchains, table)
        moving = mixing.ranks.values[:, 0] < mixing.ranks.values[:, -1]
        numbers = {
            "mean": mixing.pooled.mean(1),
            "sd": _sd(mixing, moving),
            "median": mixing.ranks.median(),
        }
        numbers |= {str(q): mixing.ranks.quantile(q) for q in quantiles}
        names = ["mcse_mean", "ess_bulk", "ess_tail", "r_hat"]
        names += ["nested_r_hat"] * (superchains is not None)
        numbers |= {name: np.where(moving, getattr(mixing, name), np.nan) for name in names}
    return {name: np.where(finite, number, np.nan) for name, number in numbers.items()}


def _sd(mixing: Mixing, moving: Array) -> Array:
    """Return standard deviations, exactly 0 where nothing moves; of a single draw there is none."""
    single = mixing.pooled.shape[1] < 2
    return mixing.sd if single else np.where(moving, mixing.sd, 0.0)


def listed(numbers: Array, shape: tuple[int, ...]) -> Values:
    """Return numbers as nested lists of `shape`, None where they are not finite."""
    objects: Any = numbers.astype(object)
    objects[~np.isfinite(numbers)] = None
    return objects.reshape(shape).tolist() if shape else objects.reshape(-1)[0]
