"""NUTS on the compiled tier: several transitions a step, and no chain waits for another.

Every chain is a finite state machine of its own in the runtime (arXiv 2503.17405); they meet at
the ends of the windows, where the metric is learnt from all of them.
"""

from dataclasses import replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from models.native.handle import DensityHandle
from workers.engines.engine import Info
from workers.engines.kernels import adaptation, pool
from workers.engines.kernels.adaptation import Adaptation
from workers.engines.kernels.dual_averaging import DualAveraging
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.sampler import SamplerState
from workers.engines.kernels.windows import Schedule, schedule
from workers.engines.native import transitions as native
from workers.engines.native.outcomes import Averaging, Moves

#: Transitions of one step at the most: how long a request to stop may have to wait.
BLOCK = 25
_SEEDS = 2**62


def advance(
    options: AbstractSamplerOptions,
    max_depth: int,
    density: AbstractLogDensity,
    handle: DensityHandle,
    state: SamplerState,
) -> tuple[SamplerState, Info]:
    """Make a block of transitions of every chain; in warm-up, learn from them."""
    if state.streams is None:
        state = _seeded(state, density)
    if state.iteration < options.warmup:
        return _warm(options, max_depth, density, handle, state)
    return _sample(options, max_depth, density, handle, state)


def _seeded(state: SamplerState, density: AbstractLogDensity) -> SamplerState:
    """Give every chain a stream of random numbers of its own."""
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    seed = int(torch.randint(_SEEDS, (), generator=generator, device=density.device))
    streams = native.runtime().streams(seed, len(state.point.z))
    return replace(state, streams=streams, random=generator.get_state())


def _warm(
    options: AbstractSamplerOptions,
    max_depth: int,
    density: AbstractLogDensity,
    handle: DensityHandle,
    state: SamplerState,
) -> tuple[SamplerState, Info]:
    plan, first = schedule(options.warmup), state.iteration
    count = _until_next(plan, first, options.warmup)
    moves = native.grow(
        handle,
        state.point,
        _streams(state),
        _averaging(state.known.step),
        state.known.metric,
        count,
        max_depth,
        options.target_accept,
    )
    assert moves.averaging is not None
    known = replace(state.known, step=_dual(moves.averaging, state.known.step.count + count))
    if first in plan.slow:
        known = replace(known, pool=_joined(known, density, moves))
    random = state.random
    if first + count - 1 in plan.ends:
        generator = torch.Generator(density.device)
        generator.set_state(random)
        known = adaptation.remeasure(known, density, moves.point, options.metric, generator)
        random = generator.get_state()
    after = _after(state, moves, count, known, 0, random)
    progress = {
        "divergences": float(state.divergences),
        "step_size": float(known.step_size.mean()),
    }
    return after, Info("warmup", after.iteration, options.warmup + options.draws, progress=progress)


def _sample(
    options: AbstractSamplerOptions,
    max_depth: int,
    density: AbstractLogDensity,
    handle: DensityHandle,
    state: SamplerState,
) -> tuple[SamplerState, Info]:
    total = options.warmup + options.draws
    count = state.watch.room(min(BLOCK, total - state.iteration))
    step_size = state.known.final_step_size
    moves = native.grow(
        handle,
        state.point,
        _streams(state),
        step_size,
        state.known.metric,
        count,
        max_depth,
        options.target_accept,
    )
    divergences = int(moves.divergent.sum())
    after = _after(state, moves, count, state.known, divergences, state.random)
    last = after.iteration == total
    after = replace(after, watch=state.watch.take(density, moves.draws, last))
    stats = {
        "acceptance": moves.acceptance,
        "divergent": moves.divergent,
        "energy": moves.energy,
        "step_size": step_size[:, None].expand(-1, count),
        "leapfrogs": moves.leapfrogs,
        "log_density": moves.log_density,
        "tree_depth": moves.tree_depth,
    }
    progress = {
        "divergences": float(after.divergences),
        "step_size": float(step_size.mean()),
        **after.watch.numbers(),
    }
    info = Info("sample", after.iteration, total, draws=moves.draws, stats=stats, progress=progress)
    return after, info


def _after(
    state: SamplerState,
    moves: Moves,
    count: int,
    known: Adaptation,
    divergences: int,
    random: Tensor,
) -> SamplerState:
    return replace(
        state,
        iteration=state.iteration + count,
        point=moves.point,
        known=known,
        streams=moves.streams,
        random=random,
        divergences=state.divergences + divergences,
        leapfrogs=state.leapfrogs + int(moves.leapfrogs.sum()),
    )


def _until_next(plan: Schedule, first: int, warmup: int) -> int:
    """Return how many transitions to make before something else is learnt."""
    marks = [plan.slow.start, *(end + 1 for end in plan.ends), warmup]
    return min(BLOCK, *(mark - first for mark in marks if mark > first))


def _streams(state: SamplerState) -> Tensor:
    assert state.streams is not None
    return state.streams


def _joined(known: Adaptation, density: AbstractLogDensity, moves: Moves) -> pool.Pool:
    """Return the window's positions with these draws, whose gradients the trees did not keep."""
    chains, count, dim = moves.draws.shape
    _, gradient = density.value_and_grad(moves.draws.reshape(-1, dim))
    held = known.pool
    for k, there in enumerate(gradient.reshape(chains, count, dim).unbind(1)):
        held = pool.add(held, moves.draws[:, k], there)
    return held


def _averaging(step: DualAveraging) -> Averaging:
    updates = torch.full_like(step.log_step, step.count, dtype=torch.int64)
    return Averaging(step.log_step, step.log_average, step.error, step.mu, updates)


def _dual(state: Averaging, count: int) -> DualAveraging:
    return DualAveraging(state.log_step, state.log_average, state.error, state.mu, count)
