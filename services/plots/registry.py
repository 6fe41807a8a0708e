"""The kinds of plots, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from services.plots import Kind, elbo, energy, pair, posterior, rank, trace
from services.plots.figure import render
from services.plots.subject import Subject


@dataclass(frozen=True)
class Plot:
    """One kind of plot."""

    #: Raises `ConflictError` where the subject has not what it shows.
    draw: Callable[[Subject], Figure]
    #: Numbers of the model that it shows at the most; 0 where it shows none.
    most: int

    def svg(self, subject: Subject) -> bytes:
        """Return the plot of a subject as SVG.

        Raises:
            ConflictError: the subject has not what it shows.
            BusyError: too many other plots are wanted, or they took too long.
        """
        return render(self.draw, subject)


PLOTS: Mapping[Kind, Plot] = {
    "trace": Plot(trace.draw, 20),
    "elbo": Plot(elbo.draw, 0),
    "posterior": Plot(posterior.draw, 20),
    "pair": Plot(pair.draw, 8),
    "rank": Plot(rank.draw, 20),
    "energy": Plot(energy.draw, 0),
}
