"""Whole fits of eight schools, from the request to the draws at the client, beside httpstan.

Both services are warm: each has fitted the model before. Each fit has a seed of its own, since
httpstan remembers the answers to seeds that it knows.
"""

from collections.abc import Iterator

from tests.load.fitters.credence import ENGINE, credence
from tests.load.fitters.fitter import Fitter, fitted
from tests.load.fitters.httpstan import PYTHON, httpstan
from tests.load.line import Line, line_of
from tests.load.size import Size
from tests.load.timings import Timings

#: Our fits a second over httpstan's.
GOAL = 2.0
#: Our service is warm when its workers have compiled the model, which takes longer than a fit.
_WARM = 20.0


def measure(size: Size) -> Iterator[Line]:
    """Fit with each service, one after the other; without httpstan ours alone."""
    theirs, least = None, 0.0
    if PYTHON.exists():
        with httpstan() as peer:
            theirs, least = _fits(peer, size)
        yield line_of(
            theirs,
            what=f"httpstan, {size.fitters} clients, 1000 + 1000",
            note=f"least bulk ESS {least:.0f}",
        )
    with credence() as service:
        ours, ess = _fits(service, size)
    length = f"{ENGINE['chains']} x ({ENGINE['warmup']} + {ENGINE['draws']})"
    yield line_of(
        ours,
        what=f"credence, {size.fitters} clients, {length}",
        note=f"least bulk ESS {ess:.0f}" + ("" if theirs else f"; no {PYTHON}"),
        goal=f"{GOAL:g} x httpstan at its ESS or better",
        met=None if theirs is None else ours.rate >= GOAL * theirs.rate and ess >= least,
    )


def _fits(fitter: Fitter, size: Size) -> tuple[Timings, float]:
    warm = min(_WARM, 10 * size.warm)
    return fitted(fitter, clients=size.fitters, seconds=size.seconds, warm=warm)
