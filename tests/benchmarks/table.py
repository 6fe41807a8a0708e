"""The measurements as one Markdown table, with ratios to the best peer."""

import math
from collections.abc import Callable, Iterable, Sequence

from tests.benchmarks.basket import ROWS
from tests.benchmarks.measured import R_HAT, Measured
from tests.benchmarks.peers.registry import OURS, is_ours

HEAD = (
    "model",
    "D",
    "sampler",
    "cold s",
    "warm-up s",
    "draws s",
    "bulk ESS",
    "R-hat",
    "leapfrogs/draw",
    "us/gradient",
    "s to goal",
    "ESS/s",
    "cold ratio",
    "goal ratio",
    "ESS/s ratio",
)


def table(results: Sequence[Measured]) -> str:
    """Return the table; a ratio above 1 says how many times faster than the best peer we are."""
    numbers: list[Callable[[Measured], float | None]] = [
        lambda m: m.cold,
        lambda m: m.goal,
        # Seconds of an effective draw, so that above 1 is faster here too.
        lambda m: 1 / m.rate if m.rate else None,
    ]
    mine = dict.fromkeys(m.sampler for m in results if is_ours(m.sampler))
    found = {name: [ratios(results, number, name) for number in numbers] for name in mine}
    lines = [_line(HEAD), _line(["---", "---:", "---", *["---:"] * (len(HEAD) - 3)])]
    for m in results:
        columns = found.get(m.sampler, [{}] * len(numbers))
        lines.append(_line([*_numbers(m), *(_short(column.get(m.row)) for column in columns)]))
    for name, columns in found.items():
        if any(columns):
            head = ["geometric mean", "", name if len(found) > 1 else ""]
            means = [_short(mean(column.values())) for column in columns]
            gap = [""] * (len(HEAD) - len(head) - len(means))
            lines.append(_line([*head, *gap, *means]))
    return "\n".join(lines)


def ratios(
    results: Iterable[Measured],
    number: Callable[[Measured], float | None],
    mine: str = OURS.name,
) -> dict[str, float]:
    """Return the best peer's number over that of one of ours, by row, where both are known."""
    ours: dict[str, float] = {}
    best: dict[str, float] = {}
    for m in results:
        if (value := number(m)) is None:
            continue
        if m.sampler == mine:
            ours[m.row] = value
        elif not is_ours(m.sampler):
            best[m.row] = min(value, best.get(m.row, math.inf))
    return {row: best[row] / ours[row] for row in ours if row in best}


def mean(values: Iterable[float]) -> float | None:
    """Return the geometric mean, None of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


def notes(results: Iterable[Measured], most: int) -> list[str]:
    """Return a sentence for whatever the table cannot show.

    Args:
        results: the lines of the table.
        most: how many repeats were asked for.
    """
    found = []
    for m in results:
        if m.failure:
            found.append(f"{m.row}, {m.sampler}: {m.failure}")
        if m.r_hat is not None and m.r_hat > R_HAT:
            found.append(f"{m.row}, {m.sampler}: R-hat {m.r_hat:.3f} misses the goal")
        if 0 < min(m.colds, m.warms) < most:
            found.append(f"{m.row}, {m.sampler}: medians of {m.colds} cold and {m.warms} warm runs")
    return found


def _numbers(m: Measured) -> list[str]:
    return [
        m.row,
        str(ROWS[m.row].dimension),
        m.sampler,
        _short(m.cold),
        _short(m.warmup),
        _short(m.sample),
        "" if m.ess is None else f"{m.ess:.0f}",
        "" if m.r_hat is None else f"{m.r_hat:.3f}",
        "" if m.leapfrogs is None else f"{m.leapfrogs:.1f}",
        "" if m.gradient is None else _short(m.gradient * 1e6),
        _short(m.goal),
        _short(m.rate),
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(value: float | None) -> str:
    """Three digits, without an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
