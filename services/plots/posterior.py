"""Posterior: each number's density over all chains, its median and the interval of the summary."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.plots.figure import (
    CHAINS,
    INK,
    PALE,
    bare,
    chosen,
    density,
    headline,
    new_figure,
    title,
)
from services.plots.subject import Entry, Subject
from workers.summaries import QUANTILES

_COLUMNS = 4


def draw(subject: Subject) -> Figure:
    """Return a panel for each entry."""
    count = len(subject.entries)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    low, high = (f"{100 * q:g} %" for q in QUANTILES)
    notes = [f"Bar: from the {low} to the {high} quantile; dot: median.", *chosen(subject)]
    figure = new_figure(
        max(5.0, 2.6 * columns), 0.9 + 1.75 * rows, headline("Posterior", subject), notes
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, entry in zip(panels, subject.entries, strict=False):
        _panel(axes, entry)
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, entry: Entry) -> None:
    title(axes, entry)
    bare(axes)
    finite = entry.values[np.isfinite(entry.values)]
    if not finite.size:
        axes.text(0.5, 0.5, "no finite draw", ha="center", color=PALE, transform=axes.transAxes)
        return
    curve = density(entry.values)
    if curve is None:
        axes.axvline(finite[0], color=CHAINS[0])
        return
    points, heights = curve
    axes.fill_between(points, heights, color=CHAINS[0], alpha=0.25, linewidth=0)
    axes.plot(points, heights, color=CHAINS[0], linewidth=1.2)
    low, middle, high = np.quantile(finite, [QUANTILES[0], 0.5, QUANTILES[-1]])
    base = -0.06 * heights.max()
    axes.plot([low, high], [base, base], color=INK, linewidth=2.5, solid_capstyle="butt")
    axes.plot([middle], [base], marker="o", markersize=5, color="white", markeredgecolor=INK)
    axes.set_ylim(2.2 * base, 1.08 * heights.max())
