"""What `auto` picks: the engine, its chains and its metric, from the model and a timed gradient."""

import math
import time
from typing import Literal

import torch
from pydantic import ConfigDict, Field

from models.density import AbstractLogDensity
from workers.engines.chees import CheesOptions
from workers.engines.engine import EngineOptions
from workers.goal import Goal

#: Chains where a gradient is cheap. More would meet the goal with fewer draws each, but every
#: chain is warmed up, and below some twenty draws a chain the warm-up is all there is.
MANY = 64
#: Chains where it is not: enough to fill the lanes and to learn a metric from.
FEW = 32
#: Seconds of one gradient of `MANY` chains above which there are `FEW`, by tier: interpreted, every
#: operation is a call, which all chains share.
DEAR = {"interpreted": 0.02, "compiled": 0.001}
#: Dimensions up to which a dense metric is learnt well, and costs little beside the gradient.
DENSE = 64
#: Draws per chain at the most, and numbers in all of them.
MOST_DRAWS, MOST_NUMBERS = 4000, 1 << 28


class AutoOptions(EngineOptions):
    """Options of `auto`, which draws from the posterior until the draws are good enough."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "auto"}]})

    kind: Literal["auto"] = "auto"
    until: Goal = Field(default=Goal(), description="The quality at which sampling stops.")


def choose(
    asked: AutoOptions, density: AbstractLogDensity, threads: int
) -> tuple[EngineOptions, list[str]]:
    """Return explicit options, and why these, in sentences.

    Args:
        asked: what `auto` was asked for.
        density: of the run, on the tier that its first step runs on.
        threads: that it may use.
    """
    seconds = gradient_seconds(density, MANY)
    dear = DEAR[density.tier]
    chains = MANY if seconds <= dear else FEW
    metric: Literal["dense", "low_rank"] = "dense" if density.dim <= DENSE else "low_rank"
    draws = max(1, min(MOST_DRAWS, MOST_NUMBERS // (chains * _width(density))))
    options = CheesOptions(chains=chains, metric=metric, draws=draws, until=asked.until)
    why = [
        f"{chains} chains of chees: one gradient of {MANY} chains took {1e6 * seconds:.0f} us "
        f"({density.tier}, {threads} thread{'s' if threads > 1 else ''}), "
        f"{'at most' if chains == MANY else 'more than'} {1e6 * dear:.0f}.",
        f"A {metric.replace('_', '-')} metric: the model has {density.dim} dimensions, "
        f"{'at most' if metric == 'dense' else 'more than'} {DENSE}.",
    ]
    return options, why


def _width(density: AbstractLogDensity) -> int:
    """Return how many numbers a draw has."""
    shapes = [p.shape for p in density.parameters] + [d.shape for d in density.deterministics]
    return sum(math.prod(shape) for shape in shapes)


def gradient_seconds(density: AbstractLogDensity, chains: int) -> float:
    """Return the seconds of one gradient of so many chains at the origin: the better of two."""
    z = torch.zeros(chains, density.dim, dtype=density.dtype, device=density.device)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        value, _ = density.value_and_grad(z)
        # A GPU computes behind the host's back until its numbers are asked for.
        float(value[0])
        times.append(time.perf_counter() - began)
    return min(times[1:])
