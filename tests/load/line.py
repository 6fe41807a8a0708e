"""A line of the table."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.load.timings import Timings

HEAD = ("what", "store", "count", "a second", "p50 ms", "p95 ms", "p99 ms", "goal", "")
_RULE = ("---", "---", "---:", "---:", "---:", "---:", "---:", "---", "---")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One measurement."""

    what: str
    store: str = ""
    count: int
    rate: float = math.nan
    #: The 50th, 95th and 99th percentile.
    milliseconds: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    goal: str = ""
    #: Whether the goal was reached; None where there is none.
    met: bool | None = None
    note: str = ""

    def shown(self) -> str:
        """Return the line as Markdown."""
        verdict = {None: "", True: "yes: ", False: "NO: "}[self.met] + self.goal
        numbers = map(_short, (self.rate, *self.milliseconds))
        return row((self.what, self.store, str(self.count), *numbers, verdict, self.note))

    def document(self) -> dict[str, Any]:
        """Return the line as JSON; a number that does not exist is null."""
        return {name: _known(value) for name, value in asdict(self).items()}


def line_of(timings: Timings, *, what: str, store: str = "", **more: Any) -> Line:
    """Return the line of some answers; what was not expected is noted."""
    refused = ", ".join(f"{n} x {status}" for status, n in sorted(timings.refused.items()))
    notes = [more.pop("note", ""), refused and f"not expected: {refused}"]
    return Line(
        what=what,
        store=store,
        count=len(timings.seconds),
        rate=timings.rate,
        milliseconds=timings.milliseconds(),
        note="; ".join(filter(None, notes)),
        **more,
    )


def head() -> str:
    """Return the table's first two lines."""
    return f"{row(HEAD)}\n{row(_RULE)}"


def row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _short(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _known(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_known(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value
