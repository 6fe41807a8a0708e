"""The run of a crowd of chains in step: each takes the same number of leapfrogs.

What it learns in warm-up lies in `ensemble`; here is the order of things, and all randomness.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.engine import Info
from workers.engines.kernels import ensemble, starts
from workers.engines.kernels.ensemble import Ensemble
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.halton import halton
from workers.engines.kernels.initial import Point
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.rescue import rescue
from workers.engines.kernels.transition import Transition
from workers.engines.kernels.watch import Watch

#: Transitions of one step of the engine.
BLOCK = 8
#: Ends of windows at which lost chains are looked for.
RESCUES = 3
#: Leapfrogs of a transition at the most, and at the most during warm-up.
LONGEST, LONGEST_WARM = 1000, 256


@dataclass(frozen=True)
class CrowdState:
    """All that moves in a run: the checkpoint. Shapes: `C` chains, `D` coordinates."""

    #: Transitions done, warm-up included.
    iteration: int
    #: Where the chains are.
    point: Point
    #: Metric, step size, trajectory length and the present window.
    known: Ensemble
    #: The random generator's state, bytes.
    random: Tensor
    #: Divergent transitions after warm-up, and leapfrogs in all, over all chains.
    divergences: int
    leapfrogs: int
    #: Where the chains started, a sentence.
    init: str
    #: How good the draws are, where that decides when to stop.
    watch: Watch
    #: How often a lost chain was moved in warm-up.
    rescued: int = 0

    @property
    def origin(self) -> str:
        """Where the chains started, and whether some got lost, in sentences."""
        if not self.rescued:
            return self.init
        chains = "1 chain" if self.rescued == 1 else f"{self.rescued} chains"
        return f"{self.init} In warm-up {chains} got lost and took the place of another."


def begin(
    options: AbstractSamplerOptions,
    superchains: int,
    density: AbstractLogDensity,
    generator: torch.Generator,
) -> CrowdState:
    """Return the state before the first transition.

    Raises:
        NoInitialPointError: a chain found no finite point in 100 tries.
    """
    start = starts.begin(
        density, generator, options.chains, superchains, options.init, options.metric
    )
    momentum, _ = _numbers(density, start.point, generator, 1)
    known = ensemble.start(density, start.point, start.metric, momentum[0])
    watch = Watch(options.until, superchains if superchains < options.chains else None)
    return CrowdState(0, start.point, known, generator.get_state(), 0, 0, start.origin, watch)


def advance(
    options: AbstractSamplerOptions, density: AbstractLogDensity, state: CrowdState
) -> tuple[CrowdState, Info]:
    """Make up to `BLOCK` transitions of every chain; in warm-up, learn from each."""
    warm = state.iteration < options.warmup
    end = options.warmup + (0 if warm else options.draws)
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    count = min(BLOCK, end - state.iteration)
    if not warm:
        count = state.watch.room(count)
    momenta, log_u = _numbers(density, state.point, generator, count)
    state = replace(state, random=generator.get_state())
    phase = _adapt if warm else _sample
    return phase(options, density, state, momenta, log_u)


def _numbers(
    density: AbstractLogDensity, point: Point, generator: torch.Generator, count: int
) -> tuple[Tensor, Tensor]:
    """Draw momenta, `K x C x D`, and logs of uniform numbers, `K x C`: all a block needs."""
    shape = (count, *point.z.shape)
    momenta = torch.randn(shape, generator=generator, dtype=density.dtype, device=density.device)
    u = torch.rand(shape[:2], generator=generator, dtype=torch.float64, device=density.device)
    return momenta, u.log()


def _adapt(
    options: AbstractSamplerOptions,
    density: AbstractLogDensity,
    state: CrowdState,
    momenta: Tensor,
    log_u: Tensor,
) -> tuple[CrowdState, Info]:
    point, known, leapfrogs, at = state.point, state.known, state.leapfrogs, state.iteration
    rescued = state.rescued
    # At the first ends of windows chains are still on their way.
    late = sorted(ensemble.ends(options.warmup))[-RESCUES:]
    for p, accept in zip(momenta.unbind(0), log_u.unbind(0), strict=True):
        leaps = leaps_at(at, known.length.now, known.step.size, LONGEST_WARM)
        proposed = transition(density, point, p, known.step_sizes(), leaps, known.metric, accept)
        plan = ensemble.Plan(
            at, options.warmup, options.target_accept, options.metric, LONGEST_WARM
        )
        known = ensemble.learn(known, point.z, proposed, leaps, plan)
        point = proposed.made.point
        if at in late:
            point, count = rescue(point, state.watch.superchains or options.chains)
            rescued += count
        leapfrogs += leaps * options.chains
        at += 1
    state = replace(
        state, iteration=at, point=point, known=known, leapfrogs=leapfrogs, rescued=rescued
    )
    total = options.warmup + options.draws
    progress = {"divergences": 0.0, "step_size": known.step.size}
    return state, Info("warmup", at, total, progress=progress)


def _sample(
    options: AbstractSamplerOptions,
    density: AbstractLogDensity,
    state: CrowdState,
    momenta: Tensor,
    log_u: Tensor,
) -> tuple[CrowdState, Info]:
    known, point, at = state.known, state.point, state.iteration
    size, length = known.step.average, known.length.average
    sizes = torch.full_like(point.log_density, size)
    made = []
    for p, accept in zip(momenta.unbind(0), log_u.unbind(0), strict=True):
        leaps = leaps_at(at, length, size, LONGEST)
        made.append(transition(density, point, p, sizes, leaps, known.metric, accept).made)
        point = made[-1].point
        at += 1
    stats = _stats(made, sizes)
    draws = torch.stack([one.point.z for one in made], 1)  # C x K x D
    state = replace(
        state,
        iteration=at,
        point=point,
        watch=state.watch.take(density, draws, last=at == options.warmup + options.draws),
        divergences=state.divergences + int(stats["divergent"].sum()),
        leapfrogs=state.leapfrogs + int(stats["leapfrogs"].sum()),
    )
    progress = {
        "divergences": float(state.divergences),
        "step_size": size,
        **state.watch.numbers(),
    }
    total = options.warmup + options.draws
    return state, Info("sample", at, total, draws=draws, stats=stats, progress=progress)


def _stats(made: Sequence[Transition], sizes: Tensor) -> dict[str, Tensor]:
    """Return the statistics of the draws, each `C x K`."""
    return {
        "acceptance": torch.stack([one.acceptance for one in made], 1),
        "divergent": torch.stack([one.divergent for one in made], 1),
        "energy": torch.stack([one.energy for one in made], 1),
        "step_size": sizes[:, None].expand(-1, len(made)),
        "leapfrogs": torch.stack([one.leapfrogs for one in made], 1),
        "log_density": torch.stack([one.point.log_density for one in made], 1),
    }


def leaps_at(iteration: int, length: float, size: float, longest: int) -> int:
    """Return an iteration's number of leapfrogs: lengths are jittered uniformly on ]0, T[."""
    return max(1, min(longest, math.ceil(halton(iteration) * length / size)))
