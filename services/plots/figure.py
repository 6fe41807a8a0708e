"""How every plot looks, and how a figure becomes SVG.

Matplotlib's settings belong to the process, so one figure is made at a time, under settings of our
own that are put back after it: a `matplotlibrc` on the machine changes nothing. Text becomes
paths, from the fonts that Matplotlib brings: it needs none where it is drawn or looked at. No
text is read as mathematics.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from arviz_stats.base import array_stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from services.errors import BusyError
from services.plots.subject import Array, Entry, Subject
from workers.diagnostics import ESS, R_HAT

#: Okabe and Ito's colours for chains; vermillion is kept for what is wrong.
CHAINS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
DIVERGENT = "#D55E00"
INK, PALE, GRID = "#222222", "#6b6b6b", "#e4e4e4"

#: Chains that are told apart in one panel at the most.
MOST_CHAINS = 6
#: Seconds that a request waits for the figures before its own.
PATIENCE = 30.0
#: Points of a density curve; ArviZ takes no fewer.
POINTS = 100

_SETTINGS: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": PALE,
    "axes.grid": True,
    "axes.labelcolor": PALE,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 5.0,
    "axes.titlesize": 9.5,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    # The same figure is the same file.
    "svg.hashsalt": "credence",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": PALE,
    "xtick.labelsize": 8,
    "ytick.color": PALE,
    "ytick.labelsize": 8,
}
#: A point of a line with Matplotlib's six decimals; two are a hundredth of a point.
_POINT = re.compile(rb"(?m)^([LM] -?\d+\.\d\d)\d+( -?\d+\.\d\d)\d+")
_ONE_AT_A_TIME = threading.Lock()
#: Requests that wait for their figure; more would take the threads that others need.
_WAITING = threading.BoundedSemaphore(8)
_BUSY = "Other plots are being drawn; try again in a few seconds."


def render(draw: Callable[[Subject], Figure], subject: Subject) -> bytes:
    """Return a plot as SVG.

    Raises:
        BusyError: too many others wait, or they took too long.
    """
    with _turn(), mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        content = io.BytesIO()
        draw(subject).savefig(content, format="svg", metadata={"Date": None})
    return _POINT.sub(rb"\1\2", content.getvalue())


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until the figures before this one are made."""
    if not _WAITING.acquire(blocking=False):
        raise BusyError(_BUSY)
    try:
        if not _ONE_AT_A_TIME.acquire(timeout=PATIENCE):
            raise BusyError(_BUSY)
        try:
            yield
        finally:
            _ONE_AT_A_TIME.release()
    finally:
        _WAITING.release()


def new_figure(width: float, height: float, title: str, notes: list[str]) -> Figure:
    """Return a figure, sizes in inches, with a title above and notes below."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.05)
    figure = Figure(figsize=(width, height), layout=layout)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    if notes:
        figure.supxlabel("  ".join(notes), x=0.01, ha="left", fontsize=8, color=PALE)
    return figure


def headline(what: str, subject: Subject) -> str:
    """Return a title: what it is, of which engine, of how many draws."""
    if not subject.entries:
        return f"{what} · {subject.engine}"
    chains, draws = subject.entries[0].values.shape
    of_chains = f"{chains} chains × " if chains > 1 else ""
    return f"{what} · {subject.engine}, {of_chains}{count(draws, 'draw')}"


def chosen(subject: Subject) -> list[str]:
    """Return a note where not every number of the model is drawn."""
    shown = len(subject.entries)
    if shown >= subject.among:
        return []
    return [
        f"{shown} of {subject.among} numbers, the worst R-hat first; "
        "choose others with parameters=a,b[0]."
    ]


def count(number: int, noun: str) -> str:
    """Return a number of things in words: `1 draw`, `2 draws`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def label(name: str, most: int = 30) -> str:
    """Return a name that fits above a panel."""
    half = most // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def title(axes: Axes, entry: Entry) -> None:
    """Write a panel's name, with what says whether to trust it at the right."""
    axes.set_title(label(entry.name), color=INK, fontweight="bold")
    parts = []
    if entry.r_hat is not None:
        parts.append(f"R-hat {entry.r_hat:.3g}" if entry.r_hat >= 2 else f"R-hat {entry.r_hat:.3f}")
    if entry.ess_bulk is not None:
        parts.append(f"ESS {entry.ess_bulk:.0f}")
    bad = (entry.r_hat or 0) > R_HAT or (ESS if entry.ess_bulk is None else entry.ess_bulk) < ESS
    color = DIVERGENT if bad else PALE
    axes.set_title(" · ".join(parts), loc="right", color=color, fontsize=8)


def bare(axes: Axes) -> None:
    """Take away an axis whose numbers nobody reads: a density's height."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def density(values: Array) -> tuple[Array, Array] | None:
    """Return points and heights of a density curve; None for a constant or nothing finite."""
    finite = values[np.isfinite(values)]
    if finite.size < 2 or np.ptp(finite) == 0:
        return None
    at, heights, _ = array_stats.kde(finite, grid_len=POINTS)
    return at, heights


def thinned(count: int, most: int) -> int:
    """Return the stride that leaves at most so many of `count`."""
    return max(1, -(-count // most))
