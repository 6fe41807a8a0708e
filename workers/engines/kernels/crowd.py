"""The run of a crowd of chains in step: each takes the same number of leapfrogs.

What it learns in warm-up lies in `ensemble`; here is the order of things, and all randomness.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.engine import Info
from workers.engines.kernels import ensemble, starts
from workers.engines.kernels.ensemble import Ensemble, window_end
from workers.engines.kernels.initial import Point
from workers.engines.kernels.march import march
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.rescue import rescue
from workers.engines.kernels.steps import Steps
from workers.engines.kernels.watch import Watch

#: Transitions of one step of the engine: of a small model many, since a step has its own cost; of
#: one with more observations times chains than this few, since a request to stop waits for a step.
BLOCK, SHORT_BLOCK, LARGE = 24, 8, 1 << 22
#: Ends of windows at which lost chains are looked for.
RESCUES = 3
#: Leapfrogs of a transition at the most, and at the most during warm-up.
LONGEST, LONGEST_WARM = 1000, 256


@dataclass(frozen=True)
class CrowdState:
    """All that moves in a run: the checkpoint. Shapes: `C` chains, `D` coordinates."""

    #: Transitions done, warm-up included; those of it that were left out count as done.
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
    #: Iterations of the warm-up that were left out: there was nothing left to learn.
    spared: int = 0

    @property
    def origin(self) -> str:
        """Where the chains started, and what came of them in warm-up, in sentences."""
        said = self.init
        if self.rescued:
            chains = "1 chain" if self.rescued == 1 else f"{self.rescued} chains"
            said += f" In warm-up {chains} got lost and took the place of another."
        if self.spared:
            said += f" {self.spared} iterations of the warm-up were left out: it had learnt all."
        return said


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
    """Make a block of transitions of every chain; in warm-up, learn from each."""
    warm = state.iteration < options.warmup
    block = SHORT_BLOCK if density.observations * options.chains > LARGE else BLOCK
    if warm:
        count = min(block, window_end(state.iteration, options.warmup) - state.iteration)
    else:
        count = min(block, options.warmup + options.draws - state.iteration)
        count = state.watch.room(count)
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    momenta, log_u = _numbers(density, state.point, generator, count)
    steps = march(
        density,
        state.known.metric,
        state.point,
        state.known.pace,
        momenta,
        log_u,
        first=state.iteration,
        longest=LONGEST_WARM if warm else LONGEST,
        target=options.target_accept if warm else None,
    )
    state = replace(
        state,
        iteration=state.iteration + count,
        point=steps.point,
        random=generator.get_state(),
        leapfrogs=state.leapfrogs + int(steps.leapfrogs.sum()) * options.chains,
    )
    return (_learnt if warm else _drawn)(options, density, state, steps)


def _numbers(
    density: AbstractLogDensity, point: Point, generator: torch.Generator, count: int
) -> tuple[Tensor, Tensor]:
    """Draw momenta, `K x C x D`, and logs of uniform numbers, `K x C`: all a block needs."""
    shape = (count, *point.z.shape)
    momenta = torch.randn(shape, generator=generator, dtype=density.dtype, device=density.device)
    u = torch.rand(shape[:2], generator=generator, dtype=torch.float64, device=density.device)
    return momenta, u.log()


def _learnt(
    options: AbstractSamplerOptions, density: AbstractLogDensity, state: CrowdState, steps: Steps
) -> tuple[CrowdState, Info]:
    """Return the state with what the transitions of a warm-up teach."""
    at, ends = state.iteration, sorted(ensemble.ends(options.warmup))
    known, point = ensemble.learn(state.known, steps), state.point
    rescued = spared = 0
    # At the first ends of windows chains are still on their way.
    if at - 1 in ends[-RESCUES:]:
        superchains = state.watch.superchains or options.chains
        point, rescued = rescue(point, known.height, superchains)
    if at - 1 in ends:
        # Who asks for a quality asks for no more; who asks for a warm-up is given it.
        if options.until is not None and ensemble.settled(known):
            spared = max(0, options.warmup - at - ensemble.LAST)
        known = ensemble.remeasure(known, options.metric)
    state = replace(
        state,
        iteration=at + spared,
        known=known,
        point=point,
        rescued=state.rescued + rescued,
        spared=state.spared + spared,
    )
    progress = {"divergences": 0.0, "step_size": known.pace.step.size}
    return state, Info("warmup", state.iteration, options.warmup + options.draws, progress=progress)


def _drawn(
    options: AbstractSamplerOptions, density: AbstractLogDensity, state: CrowdState, steps: Steps
) -> tuple[CrowdState, Info]:
    """Return the state with its draws looked at, and the draws."""
    total = options.warmup + options.draws
    state = replace(
        state,
        watch=state.watch.take(density, steps.draws, last=state.iteration == total),
        divergences=state.divergences + int(steps.divergent.sum()),
    )
    size = state.known.pace.step.average
    stats = {
        "acceptance": steps.acceptance,
        "divergent": steps.divergent,
        "energy": steps.energy,
        "step_size": torch.full_like(steps.energy, size),
        "leapfrogs": steps.leapfrogs.expand(options.chains, -1),
        "log_density": steps.log_density,
    }
    progress = {
        "divergences": float(state.divergences),
        "step_size": size,
        **state.watch.numbers(),
    }
    return state, Info(
        "sample", state.iteration, total, draws=steps.draws, stats=stats, progress=progress
    )
