"""Rank: in which ranks of all draws each chain's draws lie; even bars mean that chains agree.

Vehtari, Gelman, Simpson, Carpenter and Bürkner, Rank-normalization, folding, and localization: an
improved R-hat (Bayesian Analysis 16, 2021), section 3.3.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from services.errors import ConflictError
from services.plots.figure import (
    CHAINS,
    INK,
    MOST_CHAINS,
    PALE,
    chosen,
    headline,
    new_figure,
    title,
)
from services.plots.subject import Entry, Subject

_COLUMNS = 3
_BINS = 20


def draw(subject: Subject) -> Figure:
    """Return a panel for each entry.

    Raises:
        ConflictError: there is one chain only.
    """
    count, chains = len(subject.entries), len(subject.entries[0].values)
    if chains < 2:
        raise ConflictError(
            "Ranks compare chains, and this job has one; run nuts with at least 4 chains."
        )
    shown = min(chains, MOST_CHAINS)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    notes = ["Dashed: even ranks.", *chosen(subject)]
    if chains > shown:
        notes.append(f"The first {shown} of {chains} chains.")
    figure = new_figure(
        max(5.0, 3.4 * columns),
        0.9 + (0.6 + 0.3 * shown) * rows,
        headline("Ranks", subject),
        notes,
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, (axes, entry) in enumerate(zip(panels, subject.entries, strict=False)):
        _panel(axes, entry, shown)
        if index % columns == 0:
            axes.set_ylabel("chain")
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, entry: Entry, shown: int) -> None:
    title(axes, entry)
    chains, draws = entry.values.shape
    ranks = rankdata(entry.values).reshape(chains, draws)
    edges = np.linspace(0.5, chains * draws + 0.5, min(_BINS, draws) + 1)
    even = draws / (len(edges) - 1)
    for chain in range(shown):
        counts, _ = np.histogram(ranks[chain], edges)
        # A row is two even bars high.
        base = shown - 1 - chain
        heights = np.minimum(counts / even, 1.9) / 2
        axes.bar(
            edges[:-1],
            heights,
            np.diff(edges),
            base,
            align="edge",
            color=CHAINS[chain],
            alpha=0.85,
            edgecolor="white",
            linewidth=0.4,
        )
        axes.axhline(base + 0.5, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_ylim(0, shown)
    axes.set_yticks([shown - 0.5 - chain for chain in range(shown)], [str(c) for c in range(shown)])
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0, colors=PALE)
