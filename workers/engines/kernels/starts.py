"""Where the chains of a run start, with a first metric if the way there taught one."""

from dataclasses import dataclass

import torch

from models.density import AbstractLogDensity
from workers.engines.kernels import fisher, metric, pathfinder
from workers.engines.kernels.initial import Init, Point, find_initial
from workers.engines.kernels.metric import Kind, Metric


@dataclass(frozen=True)
class Start:
    """The beginning of a run."""

    #: One point per chain; chains of one superchain share theirs.
    point: Point
    metric: Metric
    #: Where the points come from, a sentence.
    origin: str


def begin(
    density: AbstractLogDensity,
    generator: torch.Generator,
    chains: int,
    superchains: int,
    init: Init,
    kind: Kind,
) -> Start:
    """Return a start for every chain.

    Args:
        density: the target.
        generator: randomness.
        chains: `C`; chain `c` belongs to superchain `c // (C // K)`.
        superchains: `K`, the number of different points; divides `C`.
        init: where they come from.
        kind: the shape of the metric.

    Raises:
        NoInitialPointError: a chain found no finite point in 100 tries.
    """
    point = find_initial(density, generator, superchains, init)
    learnt = metric.unit(density.dim, density.dtype, density.device)
    source: Init = "prior" if init == "prior" and density.knows_priors else "uniform"
    origin = f"{superchains} points drawn {_SOURCES[source]}."
    if init == "pathfinder":
        found = pathfinder.find(density, point, chains, generator)
        point, learnt = found.point, fisher.learn(kind, found.pool, learnt)
        origin = _tell(found, superchains)
    each = chains // superchains
    return Start(Point(*(x.repeat_interleave(each, 0) for x in point)), learnt, origin)


_SOURCES = {"prior": "from the prior", "uniform": "uniformly from (-2, 2)"}


def _tell(found: pathfinder.Found, paths: int) -> str:
    text = f"{paths} points drawn around Pathfinder's approximations"
    if found.lost:
        text += f"; {found.lost} of the paths led nowhere and took another's approximation"
    if found.failed:
        text += f"; {found.failed} failed and kept the point where they began"
    return f"{text}."
