"""Transitions on the compiled tier, with the faces of those on the interpreted one.

`kernels.fixed` and `kernels.free` come here where the density has native code.
"""

from functools import lru_cache

from torch import Tensor

from models.native.handle import DensityHandle
from models.toolchain import default_cache
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.pace import Pace
from workers.engines.kernels.steps import Steps
from workers.engines.native.metric import NativeMetric, bind
from workers.engines.native.outcomes import Averaging, Move, Moves
from workers.engines.native.runtime import Runtime, load_runtime

#: Chains that a thread more is worth waking for.
CHAINS_PER_THREAD = 16


@lru_cache
def runtime() -> Runtime:
    """Return the runtime of this machine, compiled by the first who asks."""
    return load_runtime(default_cache())


@lru_cache(maxsize=8)
def _bound(metric: Metric) -> NativeMetric:
    # Metrics are compared by identity in effect: their tensors are, and few live at a time.
    return bind(metric)


def threads_for(handle: DensityHandle, chains: int) -> int:
    """Return how many threads share the blocks of so many chains."""
    return max(1, min(handle.threads, chains // CHAINS_PER_THREAD))


def fly(
    handle: DensityHandle,
    point: Point,
    momentum: Tensor,
    step_size: Tensor,
    leaps: Tensor,
    metric: Metric,
    log_u: Tensor,
    proposals: bool = False,
) -> Move:
    """Return one transition of given lengths, `leaps`: `C` in int64; see `kernels.fixed`."""
    return runtime().hmc(
        handle,
        _bound(metric),
        point,
        momentum,
        step_size,
        leaps,
        log_u,
        threads=threads_for(handle, len(step_size)),
        proposals=proposals,
    )


def march(
    handle: DensityHandle,
    metric: Metric,
    point: Point,
    pace: Pace,
    momenta: Tensor,
    log_u: Tensor,
    first: int,
    longest: int,
    target: float | None,
) -> Steps:
    """Return `K` transitions of every chain in step; see `kernels.march`."""
    return runtime().crowd(
        handle,
        _bound(metric),
        point,
        pace,
        momenta,
        log_u,
        first=first,
        longest=longest,
        target=target,
        threads=threads_for(handle, len(point.z)),
    )


def grow(
    handle: DensityHandle,
    point: Point,
    streams: Tensor,
    step_size: Tensor | Averaging,
    metric: Metric,
    transitions: int,
    max_depth: int,
    target: float,
) -> Moves:
    """Return `transitions` NUTS transitions of every chain, none of which waits for another."""
    return runtime().nuts(
        handle,
        _bound(metric),
        point,
        streams,
        step_size,
        transitions,
        max_depth,
        target=target,
        threads=threads_for(handle, len(streams)),
    )
