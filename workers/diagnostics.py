"""What says whether to trust the draws: counts, per-chain numbers, and warnings with a remedy.

Thresholds: Vehtari et al. (2021) for R-hat and ESS; Betancourt (2016) for E-BFMI; Vehtari, Simpson,
Gelman, Yao and Gabry, Pareto smoothed importance sampling (2024) for Pareto k. The threshold of
nested R-hat is that of R-hat: both are 1 where all chains sample the same distribution.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from arviz_stats.base import array_stats

from workers.engines.engine import Draws
from workers.mixing import FEWEST
from workers.results import Diagnostics, Summary, Values, Warning
from workers.sink import Array

R_HAT, ESS, E_BFMI, PARETO_K = 1.01, 400, 0.3, 0.7
#: An R-hat beyond this is a division by a variance of zero, up to rounding.
_STILL = 1e6


def diagnose(
    draws: Draws,
    summary: Mapping[str, Summary],
    *,
    leapfrogs: int | None = None,
    max_tree_depth: int | None = None,
) -> Diagnostics:
    """Return the diagnostics of a Markov chain Monte Carlo run.

    Args:
        draws: with the statistics that the engine has.
        summary: of the draws; where it has nested R-hat, the warning is about that one.
        leapfrogs: of the whole run, warm-up included.
        max_tree_depth: the option, for engines that have it.
    """
    # One statistic after the other: each is `C x N`, and only one is in memory.
    found = Diagnostics(
        divergences=_total(draws.stats("divergent")),
        step_size=_last(draws.stats("step_size")),
        acceptance=_mean(draws.stats("acceptance")),
        e_bfmi=_e_bfmi(draws.stats("energy")),
        max_tree_depth=_reached(draws, max_tree_depth),
        leapfrogs=leapfrogs,
    )
    total = draws.chains * draws.draws
    warnings = [*_of_transitions(found, total, max_tree_depth), *_of_draws(draws, summary)]
    return found.model_copy(update={"warnings": warnings})


def pareto_k_warning(k: float | None) -> Warning | None:
    """Return the warning that an importance-sampling check's Pareto k deserves, if any."""
    if k is not None and k <= PARETO_K:
        return None
    seen = "could not be computed" if k is None else f"is {k:.2f}, above {PARETO_K}"
    return Warning(
        code="pareto_k",
        message=f"Pareto k {seen}: the approximation misses part of the posterior. "
        "Use a richer guide (full_rank) or more steps, or use nuts.",
    )


def _of_transitions(found: Diagnostics, total: int, max_depth: int | None) -> Iterator[Warning]:
    if found.divergences:
        yield Warning(
            code="divergences",
            message=f"{found.divergences} of {total} transitions diverged: the sampler could not "
            "follow the posterior there and the draws may be biased. Raise target_accept (0.95), "
            "reparameterise (non-centred), or tighten the priors.",
        )
    if found.max_tree_depth:
        yield Warning(
            code="tree_depth",
            message=f"{found.max_tree_depth} of {total} transitions reached the largest tree depth "
            f"of {max_depth}: the draws are right but slow. Raise max_tree_depth or warmup, or "
            "rescale the parameters.",
        )
    low = [k for k, value in enumerate(found.e_bfmi or []) if value is not None and value < E_BFMI]
    if low:
        worst = min(value for value in found.e_bfmi or [] if value is not None)
        yield Warning(
            code="e_bfmi",
            message=f"E-BFMI is below {E_BFMI} in {_count(len(low), 'chain')} (least {worst:.2f}): "
            "the tails of the posterior are explored slowly. Reparameterise heavy-tailed or "
            "hierarchical parameters, or draw more.",
        )


def _of_draws(draws: Draws, summary: Mapping[str, Summary]) -> Iterator[Warning]:
    if not draws.draws:
        return
    if draws.draws < FEWEST:
        yield Warning(
            code="few_draws",
            message=f"{_count(draws.draws, 'draw')} per chain are too few for R-hat and ESS. "
            "Draw at least 100 per chain.",
        )
        return
    yield from _not_finite(summary)
    if draws.chains == 1:
        yield Warning(
            code="single_chain",
            message="One chain cannot be compared with another, so there is no R-hat. "
            "Use at least 4 chains.",
        )
    else:
        yield from _r_hat(summary)
    yield from _ess(summary)


def _not_finite(summary: Mapping[str, Summary]) -> Iterator[Warning]:
    names = [name for name, one in summary.items() if np.isnan(_flat(one.mean)).any()]
    if names:
        yield Warning(
            code="not_finite",
            message=f"Some draws are not finite in {_some(names)}; these have no summary. "
            "Check what divides by zero or overflows there.",
        )


def _r_hat(summary: Mapping[str, Summary]) -> Iterator[Warning]:
    nested = any("nested_r_hat" in one.model_fields_set for one in summary.values())
    field, what, who = (
        ("nested_r_hat", "Nested R-hat", "superchains") if nested else ("r_hat", "R-hat", "chains")
    )
    worst = {name: _largest(getattr(one, field), one.sd) for name, one in summary.items()}
    names = sorted((name for name in worst if worst[name] > R_HAT), key=lambda name: -worst[name])
    if names:
        largest = worst[names[0]]
        shown = f"up to {largest:.3g}" if largest < _STILL else "chains do not move at all"
        yield Warning(
            code="r_hat",
            message=f"{what} is above {R_HAT} ({shown}) in {_some(names)}: the {who} disagree. "
            "Raise warmup and draws; if that does not help, reparameterise the model or look for "
            "several modes.",
        )


def _largest(r_hat: Values, sd: Values) -> float:
    """Return the largest R-hat; an entry that varies but has none stands still in every chain."""
    known, spread = _flat(r_hat), _flat(sd)
    return float(
        np.max(np.where(np.isnan(known) & (spread > 0), np.inf, np.nan_to_num(known)), initial=0)
    )


def _ess(summary: Mapping[str, Summary]) -> Iterator[Warning]:
    for code, kind, what in (
        ("ess_bulk", "Bulk", "means and medians are"),
        ("ess_tail", "Tail", "the 5 % and 95 % quantiles are"),
    ):
        least = {name: _smallest(getattr(one, code)) for name, one in summary.items()}
        names = sorted((name for name in least if least[name] < ESS), key=lambda name: least[name])
        if names:
            yield Warning(
                code=code,
                message=f"{kind} ESS is below {ESS} (least {least[names[0]]:.0f}) in "
                f"{_some(names)}: {what} uncertain. Raise draws.",
            )


def _smallest(values: Values) -> float:
    flat = _flat(values)
    return float(np.min(np.where(np.isnan(flat), np.inf, flat), initial=np.inf))


def _flat(values: Values) -> Array:
    """Return nested lists with None as a flat array with nan."""
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _e_bfmi(energy: Array | None) -> list[float | None] | None:
    if energy is None or energy.shape[1] < FEWEST:
        return None
    with np.errstate(all="ignore"):
        return _numbers(array_stats.bfmi(energy, chain_axis=0, draw_axis=1))


def _total(events: Array | None) -> int | None:
    return None if events is None else int(events.sum())


def _reached(draws: Draws, depth: int | None) -> int | None:
    """Return how many transitions reached a tree depth."""
    depths = None if depth is None else draws.stats("tree_depth")
    return None if depths is None else int((depths >= depth).sum())


def _last(values: Array | None) -> list[float | None] | None:
    return None if values is None or not values.size else _numbers(values[:, -1])


def _mean(values: Array | None) -> list[float | None] | None:
    return None if values is None or not values.size else _numbers(values.mean(1))


def _numbers(values: Array) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
