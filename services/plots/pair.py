"""Pair: every two of a few numbers against each other, divergent transitions marked."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from services.errors import ConflictError
from services.plots.figure import (
    CHAINS,
    DIVERGENT,
    INK,
    bare,
    chosen,
    count,
    density,
    headline,
    label,
    new_figure,
    thinned,
)
from services.plots.subject import Array, Subject

#: Points and crosses of all panels together, which keeps a file below a megabyte.
POINTS, CROSSES = 10_000, 1_500
#: Characters of a name along an axis.
_NAME = 18


def draw(subject: Subject) -> Figure:
    """Return a lower triangle of panels, densities on its diagonal.

    Raises:
        ConflictError: there is one number only.
    """
    size = len(subject.entries)
    if size < 2:
        raise ConflictError("A pair plot needs two numbers, and there is one; draw the posterior.")
    values = np.stack([entry.values.ravel() for entry in subject.entries])
    divergent = np.zeros(values.shape[1], bool)
    if subject.divergent is not None:
        divergent = subject.divergent.ravel()
    panels = size * (size - 1) // 2
    stride = thinned(values.shape[1], POINTS // panels)
    plain = np.flatnonzero(~divergent)[::stride]
    marked = np.flatnonzero(divergent)
    marked = marked[:: thinned(len(marked), CROSSES // panels)]
    notes = chosen(subject)
    if stride > 1:
        notes.append(f"One draw in {stride}.")
    if divergent.any():
        notes.append(
            f"Crosses: {len(marked)} of {count(int(divergent.sum()), 'divergent transition')}."
        )
    inches = max(4.5, 1.55 * size + 0.8)
    figure = new_figure(inches, inches, headline("Pairs", subject), notes)
    grid = figure.subplots(size, size, squeeze=False, sharex="col")
    for row in range(size):
        for column in range(size):
            axes = grid[row, column]
            if column > row:
                axes.set_visible(False)
            elif column == row:
                _diagonal(axes, values[row])
            else:
                _cloud(axes, values[column, plain], values[row, plain])
                _crosses(axes, values[column, marked], values[row, marked])
            _edges(axes, row, column, size)
        grid[row, 0].set_ylabel(label(subject.entries[row].name, _NAME), color=INK)
        grid[-1, row].set_xlabel(label(subject.entries[row].name, _NAME), color=INK)
    return figure


def _diagonal(axes: Axes, values: Array) -> None:
    curve = density(values)
    if curve is not None:
        axes.fill_between(*curve, color=CHAINS[0], alpha=0.25, linewidth=0)
        axes.plot(*curve, color=CHAINS[0], linewidth=1.2)
    bare(axes)


def _cloud(axes: Axes, x: Array, y: Array) -> None:
    """Draw points as one path of dots, a third of the bytes of markers.

    A dot is a stroke with round ends, very short: one without length is left out by some.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    points = np.column_stack([x[finite], y[finite]])
    if not len(points):
        return
    strokes = points.repeat(2, axis=0)
    strokes[1::2, 0] += 5e-4 * np.ptp(points[:, 0])
    dots = Path(strokes, np.tile([Path.MOVETO, Path.LINETO], len(points)))
    cloud = PathPatch(
        dots, fill=False, edgecolor=CHAINS[0], linewidth=1.8, capstyle="round", alpha=0.4
    )
    axes.add_patch(cloud)
    axes.autoscale_view()


def _crosses(axes: Axes, x: Array, y: Array) -> None:
    axes.plot(x, y, "x", color=DIVERGENT, markersize=4, markeredgewidth=1.1, zorder=3)


def _edges(axes: Axes, row: int, column: int, size: int) -> None:
    """Leave numbers at the outer panels alone."""
    axes.tick_params(labelbottom=row == size - 1, labelleft=column == 0 and row > 0)
    axes.locator_params(nbins=4)
