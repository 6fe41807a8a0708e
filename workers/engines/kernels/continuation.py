"""A sampler's run taken up by another job: with its draws, or with what it had learnt alone."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.engine import EngineOptions
from workers.engines.kernels import dual_averaging, length, shared_step
from workers.engines.kernels.adaptation import Adaptation
from workers.engines.kernels.crowd import CrowdState
from workers.engines.kernels.ensemble import LENGTH, Ensemble
from workers.engines.kernels.initial import Point, evaluate, finite
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.pace import Pace
from workers.engines.kernels.pool import Pool
from workers.engines.kernels.sampler import SamplerState
from workers.engines.kernels.watch import Watch
from workers.errors import NoInitialPointError

ORIGIN = "Where the chains of another job ended, with its metric and step size."


@dataclass(frozen=True)
class Learnt:
    """What a run knew when it ended. Shapes: `C` chains, `D` coordinates."""

    #: `C x D`: where its chains were.
    z: Tensor
    metric: Metric
    #: `C` in float64: the step sizes that it sampled with.
    step_size: Tensor
    #: The length of its trajectories in units of the metric, where that was learnt.
    length: float


def keepsake(options: EngineOptions, state: Any) -> SamplerState | CrowdState | None:
    """Return the last state of a run without what only judged and adapted it.

    Returns:
        The state; None where the run is no sampler's, or ended in warm-up.
    """
    if not isinstance(options, AbstractSamplerOptions) or state.iteration < options.warmup:
        return None
    return _with_watch(state, Watch(None, state.watch.superchains))


def extended(options: AbstractSamplerOptions, state: SamplerState | CrowdState) -> Any:
    """Return the state from which the run goes on to the draws and the goal of new options."""
    return _with_watch(state, Watch(options.until, state.watch.superchains))


def _with_watch(state: Any, watch: Watch) -> Any:
    return replace(state, watch=watch, known=replace(state.known, pool=Pool()))


def learnt(state: SamplerState | CrowdState) -> Learnt:
    """Return what another run may begin with."""
    known = state.known
    if isinstance(known, Ensemble):
        pace = known.pace
        return Learnt(state.point.z, known.metric, pace.resting(), pace.length.average)
    return Learnt(state.point.z, known.metric, known.final_step_size, LENGTH)


def warm(
    options: AbstractSamplerOptions,
    density: AbstractLogDensity,
    generator: torch.Generator,
    found: Learnt,
    crowd: bool,
) -> SamplerState | CrowdState:
    """Return the state before the first transition of a run that begins with what another learnt.

    Args:
        options: of the run.
        density: of the run; its model has the other's unknowns, its data may be others.
        generator: randomness.
        found: what the other had learnt.
        crowd: whether the chains share step size and length.

    Raises:
        NoInitialPointError: the log density is finite where none of the other's chains ended.
    """
    point = _places(density, found, options.chains)
    size = _mean(found.step_size)
    random, watch = generator.get_state(), Watch(options.until)
    metric = _like(found.metric, density)
    if crowd:
        zeros = torch.zeros_like(point.log_density)
        pace = Pace(shared_step.start(size), length.start(found.length), zeros)
        known = Ensemble(metric, pace, Pool(), zeros)
        return CrowdState(0, point, known, random, 0, 0, ORIGIN, watch)
    each = dual_averaging.start(torch.full_like(point.log_density, size))
    adaptation = Adaptation(each, metric, Pool())
    return SamplerState(0, point, adaptation, random, 0, 0, ORIGIN, watch)


def _places(density: AbstractLogDensity, found: Learnt, chains: int) -> Point:
    """Return a point for every chain, by turns of those with a finite log density."""
    point = evaluate(density, found.z.to(density.device, density.dtype))
    usable = finite(point).nonzero()[:, 0]
    if not len(usable):
        raise NoInitialPointError(
            "The log density is not finite where the chains of the other job ended. Leave out "
            "'warm_start_from', or give one of a job whose posterior is more alike."
        )
    rows = usable[torch.arange(chains, device=usable.device) % len(usable)]
    return Point(*(x[rows] for x in point))


def _mean(step_size: Tensor) -> float:
    """Return the harmonic mean: small steps are small for a reason."""
    return 1.0 / float(step_size.reciprocal().mean())


def _like(metric: Metric, density: AbstractLogDensity) -> Metric:
    parts = (metric.scale, metric.root, metric.vectors, metric.stretch)
    moved = (None if x is None else x.to(density.device, density.dtype) for x in parts)
    scale, *others = moved
    assert scale is not None
    return Metric(scale, *others)
