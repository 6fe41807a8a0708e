"""Trace: each number's density by chain, and beside it its draws in order."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.plots.figure import (
    CHAINS,
    DIVERGENT,
    INK,
    MOST_CHAINS,
    PALE,
    bare,
    chosen,
    count,
    density,
    headline,
    label,
    new_figure,
    thinned,
    title,
)
from services.plots.subject import Array, Entry, Subject

#: Points of all lines and ticks of all panels together, which keeps a file below a megabyte.
POINTS, TICKS = 13_000, 800


def draw(subject: Subject) -> Figure:
    """Return one row of two panels for each entry."""
    rows = len(subject.entries)
    chains, draws = subject.entries[0].values.shape
    shown = min(chains, MOST_CHAINS)
    stride = thinned(draws, max(50, POINTS // (rows * shown)))
    figure = new_figure(9.0, 0.9 + 1.35 * rows, headline("Trace", subject), _notes(subject, stride))
    panels = figure.subplots(rows, 2, squeeze=False, width_ratios=(1, 2))
    for row, (entry, (left, right)) in enumerate(zip(subject.entries, panels, strict=True)):
        _density(left, entry, shown)
        _draws(right, entry, shown, stride)
        if subject.divergent is not None:
            _divergences(right, subject.divergent, TICKS // rows)
        if row == rows - 1:
            right.set_xlabel("draw")
    return figure


def _notes(subject: Subject, stride: int) -> list[str]:
    chains = len(subject.entries[0].values)
    notes = ["Colours: chains."] if chains > 1 else []
    notes += chosen(subject)
    if chains > MOST_CHAINS:
        notes.append(f"The first {MOST_CHAINS} of {chains} chains.")
    if stride > 1:
        notes.append(f"One draw in {stride}.")
    if subject.divergent is not None and subject.divergent.any():
        notes.append(f"Ticks: {count(int(subject.divergent.sum()), 'divergent transition')}.")
    return notes


def _density(axes: Axes, entry: Entry, shown: int) -> None:
    for chain in range(shown):
        curve = density(entry.values[chain])
        if curve is None:
            axes.axvline(entry.values[chain, 0], color=CHAINS[chain], linewidth=1)
        else:
            axes.plot(*curve, color=CHAINS[chain], linewidth=1)
    axes.set_title(label(entry.name), color=INK, fontweight="bold")
    bare(axes)


def _draws(axes: Axes, entry: Entry, shown: int, stride: int) -> None:
    draws = entry.values.shape[1]
    at = np.arange(0, draws, stride)
    for chain in range(shown):
        axes.plot(at, entry.values[chain, ::stride], color=CHAINS[chain], linewidth=0.5, alpha=0.8)
    axes.set_xlim(0, max(1, draws - 1))
    title(axes, entry)
    axes.set_title("", loc="left")
    axes.tick_params(colors=PALE)


def _divergences(axes: Axes, divergent: Array, most: int) -> None:
    """Mark draws that are the end of a divergent transition, of any chain."""
    at = np.flatnonzero(divergent.any(axis=0))
    at = at[:: thinned(len(at), most)]
    # In the axes' own height: ticks along the lower edge, whatever the values.
    axes.vlines(
        at,
        0,
        0.07,
        transform=axes.get_xaxis_transform(),
        color=DIVERGENT,
        linewidth=0.9,
        zorder=3,
    )
