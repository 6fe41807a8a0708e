"""A job's progress, drawn: a bar in a terminal, a line that changes in a notebook."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.client.events import Event

#: Numbers of an event that are worth a place, and how to write them.
_NUMBERS = {
    "divergences": "{:.0f} divergences",
    "r_hat": "R-hat {:.3f}",
    "elbo": "ELBO {:.2f}",
    "discrepancy": "discrepancy {:.3g}",
    "log_density": "log density {:.6g}",
}
#: Columns of a terminal that are kept for what stands beside the bar.
_BESIDE = 88
#: Seconds between two changes of a notebook's line.
_INTERVAL = 0.2


@dataclass(frozen=True)
class Reading:
    """How far a job is, by the events so far."""

    #: What it is doing: a state, then the phases of its engine.
    phase: str = "queued"
    done: int = 0
    #: Steps in all; 0 while nobody knows.
    total: int = 0
    eta_seconds: float | None = None
    #: The latest of each number.
    numbers: tuple[tuple[str, float], ...] = ()

    def after(self, event: Event) -> "Reading":
        """Return what the next event makes of this."""
        data = event.data
        if event.kind == "state":
            return replace(self, phase=str(data.get("state", "")), eta_seconds=None)
        if event.kind == "elbo":
            known = [value for value in data.get("values") or [] if value is not None]
            return self._with({"elbo": known[-1]}) if known else self
        if event.kind != "progress":
            return self
        return replace(
            self._with(data),
            phase=str(data.get("phase") or "running"),
            done=int(data.get("done") or 0),
            total=int(data.get("total") or 0),
            eta_seconds=data.get("eta_seconds"),
        )

    def remaining(self) -> str:
        """Return the time left, such as `0:01:05 left`; nothing where nobody knows."""
        if self.eta_seconds is None or self.done >= self.total:
            return ""
        return f"{timedelta(seconds=round(self.eta_seconds))} left"

    def details(self) -> str:
        """Return the numbers, such as `3 divergences, R-hat 1.002`."""
        return ", ".join(_NUMBERS[name].format(value) for name, value in self.numbers)

    def line(self, elapsed: float) -> str:
        """Return all of it as one line.

        Args:
            elapsed: seconds since the start.
        """
        count = f"{self.phase} {self.done}/{self.total}" if self.total else self.phase
        passed = str(timedelta(seconds=int(elapsed)))
        return ", ".join(part for part in (count, passed, self.remaining(), self.details()) if part)

    def _with(self, data: dict[str, Any]) -> "Reading":
        latest = {**dict(self.numbers), **{k: v for k, v in data.items() if v is not None}}
        return replace(self, numbers=tuple((k, latest[k]) for k in _NUMBERS if k in latest))


@contextmanager
def shown(
    progress: bool | Callable[[Event], object], title: str = ""
) -> Iterator[Callable[[Event], object]]:
    """Yield what takes a job's events and shows them.

    Args:
        progress: True to draw on the standard error of a terminal or below a notebook's cell
            (anywhere else nothing is drawn), False for nothing, or what to call instead.
        title: stands before the phase.
    """
    if not isinstance(progress, bool):
        yield progress
        return
    console = Console(stderr=True, highlight=False, markup=False)
    if progress and console.is_jupyter:
        with notebook_line(sys.stdout, title) as show:
            yield show
    elif progress and console.is_terminal:
        with terminal_bar(console, title) as show:
            yield show
    else:
        yield lambda event: None


@contextmanager
def terminal_bar(console: Console, title: str = "") -> Iterator[Callable[[Event], None]]:
    """Yield what draws events as a bar."""
    # The numbers matter more than the bar.
    width = max(6, min(40, console.width - _BESIDE))
    columns = (
        TextColumn("{task.description:>8}", markup=False),
        BarColumn(bar_width=width),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remaining]}"),
        TextColumn("{task.fields[details]}", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{title} queued", total=None, count="", remaining="", details="")
        reading = Reading()

        def show(event: Event) -> None:
            nonlocal reading
            reading = reading.after(event)
            bar.update(
                task,
                description=f"{title} {reading.phase}".strip(),
                completed=reading.done,
                total=reading.total or None,
                count=f"{reading.done}/{reading.total}" if reading.total else "",
                remaining=reading.remaining(),
                details=reading.details(),
            )

        yield show


@contextmanager
def notebook_line(
    stream: TextIO, title: str = "", clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Event], None]]:
    """Yield what writes events as one line that each new state of it overwrites.

    A carriage return is understood by every notebook, without a widget.
    """
    reading, began, written, width = Reading(), clock(), -1.0, 0

    def write() -> None:
        nonlocal width
        text = f"{title} {reading.line(clock() - began)}".strip()
        # What is left of a longer line is overwritten by spaces.
        stream.write("\r" + text.ljust(width))
        stream.flush()
        width = len(text)

    def show(event: Event) -> None:
        nonlocal reading, written
        reading = reading.after(event)
        if clock() - written >= _INTERVAL:
            written = clock()
            write()

    try:
        yield show
    finally:
        write()
        stream.write("\n")
        stream.flush()
