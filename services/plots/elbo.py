"""ELBO: the evidence lower bound over the steps of a variational fit."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.errors import ConflictError
from services.plots.figure import CHAINS, INK, headline, new_figure, thinned
from services.plots.subject import Array, Elbo, Subject

#: Points of a line at the most.
POINTS = 4000
#: The smooth line is the mean over so many parts of the whole.
_WINDOW = 20


def draw(subject: Subject) -> Figure:
    """Return one panel.

    Raises:
        ConflictError: the engine has no ELBO.
    """
    elbo = subject.elbo
    if elbo is None:
        raise ConflictError(f"The job has no ELBO: its engine is {subject.engine!r}; vi has one.")
    steps = np.asarray(elbo.steps, float)
    trace = np.asarray(elbo.trace, float)
    figure = new_figure(7.5, 3.8, headline("ELBO", subject), [_verdict(elbo)])
    axes = figure.subplots()
    stride = thinned(len(steps), POINTS)
    axes.plot(
        steps[::stride], trace[::stride], color=CHAINS[4], linewidth=0.7, label="estimate per step"
    )
    middle, smooth = _running_mean(steps, trace)
    if len(smooth):
        axes.plot(
            middle[::stride], smooth[::stride], color=CHAINS[0], linewidth=1.6, label="moving mean"
        )
    if elbo.final is not None:
        axes.axhline(elbo.final, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="final")
    _limits(axes, trace)
    axes.set_xlabel("step")
    axes.legend(loc="lower right")
    return figure


def _verdict(elbo: Elbo) -> str:
    parts = []
    if elbo.final is not None:
        error = "" if elbo.standard_error is None else f" ± {elbo.standard_error:.2g}"
        parts.append(f"Final ELBO {elbo.final:.4f}{error}.")
    if elbo.pareto_k is not None:
        word = "the guide fits" if elbo.pareto_k <= 0.7 else "above 0.7: the guide misses something"
        parts.append(f"Pareto k {elbo.pareto_k:.2f} ({word}).")
    return " ".join(parts)


def _running_mean(steps: Array, trace: Array) -> tuple[Array, Array]:
    """Return the mean over a moving window of the finite points."""
    finite = np.isfinite(trace)
    steps, trace = steps[finite], trace[finite]
    window = max(1, len(trace) // _WINDOW)
    if window < 3:
        return steps[:0], trace[:0]
    kernel = np.full(window, 1 / window)
    return np.convolve(steps, kernel, "valid"), np.convolve(trace, kernel, "valid")


def _limits(axes: Axes, trace: Array) -> None:
    """Show the plateau: the deep valley that a fit starts in would flatten all the rest."""
    finite = trace[np.isfinite(trace)]
    if finite.size:
        low, high = np.quantile(finite, 0.05), finite.max()
        margin = 0.08 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)
