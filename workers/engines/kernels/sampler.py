"""What HMC and NUTS share: a run of transitions, adapted first, then drawn from.

An engine is this with its own transition kernel; see `hmc` and `nuts`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.diagnostics import diagnose
from workers.engines.engine import Draws, Info
from workers.engines.kernels import adaptation, starts
from workers.engines.kernels.adaptation import Adaptation
from workers.engines.kernels.initial import Point
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.transition import Kernel, Transition
from workers.engines.kernels.watch import Watch
from workers.engines.kernels.windows import schedule
from workers.results import Findings, Outcome
from workers.summaries import summarize


@dataclass(frozen=True)
class SamplerState:
    """All that moves in a run: the checkpoint. Shapes: `C` chains, `D` coordinates."""

    #: Transitions done, warm-up included.
    iteration: int
    #: Where the chains are.
    point: Point
    #: Metric, step size and the present window.
    known: Adaptation
    #: The random generator's state, bytes.
    random: Tensor
    #: Divergent transitions after warm-up, and leapfrogs in all, over all chains.
    divergences: int
    leapfrogs: int
    #: Where the chains started, a sentence.
    init: str
    #: How good the draws are, where that decides when to stop.
    watch: Watch
    #: On the compiled tier: every chain's own random numbers, `C x 4`.
    streams: Tensor | None = None


def begin(
    options: AbstractSamplerOptions, density: AbstractLogDensity, generator: torch.Generator
) -> SamplerState:
    """Return the state before the first transition.

    Raises:
        NoInitialPointError: a chain found no finite point in 100 tries.
    """
    chains = options.chains
    start = starts.begin(density, generator, chains, chains, options.init, options.metric)
    known = adaptation.start(density, start, generator)
    watch = Watch(options.until)
    return SamplerState(0, start.point, known, generator.get_state(), 0, 0, start.origin, watch)


def advance(
    options: AbstractSamplerOptions,
    kernel: Kernel,
    density: AbstractLogDensity,
    state: SamplerState,
) -> tuple[SamplerState, Info]:
    """Make one transition of every chain; in warm-up, learn from it."""
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    warm = state.iteration < options.warmup
    known = state.known
    step_size = known.step_size if warm else known.final_step_size
    made = kernel(density, state.point, step_size, known.metric, generator)
    if warm:
        known = adaptation.learn(
            known,
            density,
            made.point,
            made.acceptance,
            state.iteration,
            schedule(options.warmup),
            options.target_accept,
            options.metric,
            generator,
        )
    after = replace(
        state,
        iteration=state.iteration + 1,
        point=made.point,
        known=known,
        random=generator.get_state(),
        divergences=state.divergences + (0 if warm else int(made.divergent.sum())),
        leapfrogs=state.leapfrogs + int(made.leapfrogs.sum()),
        watch=state.watch if warm else _watched(options, density, state, made),
    )
    return after, _info(options, after, made, step_size, warm)


def _watched(
    options: AbstractSamplerOptions,
    density: AbstractLogDensity,
    state: SamplerState,
    made: Transition,
) -> Watch:
    last = state.iteration + 1 == options.warmup + options.draws
    return state.watch.take(density, made.point.z[:, None], last)


def _info(
    options: AbstractSamplerOptions,
    state: SamplerState,
    made: Transition,
    step_size: Tensor,
    warm: bool,
) -> Info:
    total = options.warmup + options.draws
    progress = {"divergences": float(state.divergences), "step_size": float(step_size.mean())}
    if warm:
        return Info("warmup", state.iteration, total, progress=progress)
    progress |= state.watch.numbers()
    stats = {
        "acceptance": made.acceptance,
        "divergent": made.divergent,
        "energy": made.energy,
        "step_size": step_size,
        "leapfrogs": made.leapfrogs,
        "log_density": made.point.log_density,
        **made.stats,
    }
    return Info(
        "sample",
        state.iteration,
        total,
        draws=made.point.z[:, None],
        stats={name: value[:, None] for name, value in stats.items()},
        progress=progress,
    )


def ended(
    options: AbstractSamplerOptions, iteration: int, divergences: int, watch: Watch
) -> Outcome | None:
    """Return how the run ended, once its draws are good enough or all made."""
    if watch.met:
        return Outcome.CONVERGED
    if iteration < options.warmup + options.draws:
        return None
    if divergences == options.chains * options.draws:
        return Outcome.ALL_DIVERGENT
    return Outcome.COMPLETED if options.until is None else Outcome.MAX_ITERATIONS


def conclude(
    leapfrogs: int | None,
    outcome: Outcome,
    draws: Draws,
    init: str,
    *,
    max_tree_depth: int | None = None,
    superchains: int | None = None,
) -> Findings:
    """Return summary, diagnostics and warnings of the draws.

    Args:
        leapfrogs: of the whole run, over all chains; None where that is not known.
        outcome: how it ended.
        draws: what it drew.
        init: where the chains started, a sentence.
        max_tree_depth: the option, for engines that have it.
        superchains: groups of chains that share a start; None where each has its own.
    """
    summary = summarize(draws, superchains=superchains)
    found = diagnose(draws, summary, leapfrogs=leapfrogs, max_tree_depth=max_tree_depth)
    return Findings(
        outcome=outcome,
        message=outcome.sentence,
        summary=summary,
        diagnostics=found.model_copy(update={"init": init}),
    )
