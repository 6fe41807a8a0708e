"""Energy: how the energies of a sampler's draws spread, and how far one transition moves them.

Betancourt, A conceptual introduction to Hamiltonian Monte Carlo (2017), section 6.1: where the
second curve is much narrower than the first, the tails are explored slowly.
"""

import numpy as np
from matplotlib.figure import Figure

from services.errors import ConflictError
from services.plots.figure import CHAINS, DIVERGENT, bare, density, new_figure
from services.plots.subject import Subject
from workers.diagnostics import E_BFMI


def draw(subject: Subject) -> Figure:
    """Return one panel.

    Raises:
        ConflictError: the engine has no energies.
    """
    if subject.energy is None:
        raise ConflictError(
            f"The job has no energies: its engine is {subject.engine!r}; nuts and hmc have them."
        )
    chains, draws = subject.energy.shape
    notes = [_fractions(subject)]
    figure = new_figure(
        6.5, 3.6, f"Energy · {subject.engine}, {chains} chains × {draws} draws", notes
    )
    axes = figure.subplots()
    centred = subject.energy - subject.energy.mean()
    moved = np.diff(subject.energy, axis=1)
    for values, color, name, style in (
        (centred, CHAINS[0], "energy, centred", "-"),
        (moved, DIVERGENT, "change in one transition", (0, (5, 2))),
    ):
        curve = density(values)
        if curve is not None:
            axes.fill_between(*curve, color=color, alpha=0.18, linewidth=0)
            axes.plot(*curve, color=color, linewidth=1.4, label=name, linestyle=style)
    if axes.lines:
        axes.legend(loc="upper right")
    axes.set_ylim(bottom=0)
    bare(axes)
    return figure


def _fractions(subject: Subject) -> str:
    shown = ", ".join("none" if value is None else f"{value:.2f}" for value in subject.e_bfmi[:8])
    more = ", ..." if len(subject.e_bfmi) > 8 else ""
    return f"E-BFMI by chain: {shown}{more}. Below {E_BFMI} the tails are explored slowly."
