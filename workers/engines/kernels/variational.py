"""The phases of a variational fit: seek, settle, fit, draw.

State is immutable and holds the generator's state, so a fit continues from any state bit for bit.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from models.rows import Rows
from workers.engines.engine import Info
from workers.engines.kernels import rounding
from workers.engines.kernels.adam import AdamState, start_adam, step_adam
from workers.engines.kernels.elbo import estimate_elbo, gradient_variance, log_weights
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide, AbstractNatural, Parameters
from workers.engines.kernels.guides import GUIDES, build_guide
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.minibatches import Sampled, in_blocks, model_of, of_some, rows_of
from workers.engines.kernels.plateau import Plateau, follow, last_windows
from workers.engines.kernels.rounding import Sloped
from workers.engines.kernels.scaler import Scaler, follow_scale
from workers.engines.kernels.schedule import factor, start_plateau
from workers.engines.kernels.seek import CLIMB, POLISH, SeekState, start_seek, step_seek
from workers.engines.kernels.settle import (
    SETTLE,
    SettleState,
    settled,
    start_settle,
    step_settle,
)
from workers.engines.kernels.vi_options import ViOptions
from workers.results import Outcome

#: The trace has a point for every so many steps, and no more than `LONGEST` points.
TRACE_EVERY, LONGEST = 10, 2000
#: Draws of one step of the last phase, and draws at the least that judge the fit.
BLOCK, JUDGED_BY = 250, 4000
#: Estimates in a row that may be not finite; and gradients that their variance is measured from.
PATIENCE, MEASURED = 100, 32


@dataclass(frozen=True)
class Fit:
    """Adam on the guide's parameters."""

    frame: Frame
    parameters: Parameters
    adam: AdamState
    plateau: Plateau
    steps: int
    #: Sum of the iterates at the lowest learning rate, and how many they are.
    summed: Parameters
    count: int
    #: ELBO estimates since the last point of the trace.
    recent: tuple[float, ...] = ()
    trace: tuple[tuple[int, float], ...] = ()
    #: Estimates in a row that were not finite.
    lost: int = 0
    #: Of the gradient's estimate where the fit ended, summed over the parameters.
    variance: float | None = None
    #: Of a fit in low precision, now and at the points of the trace.
    scaler: Scaler | None = None
    scalers: tuple[Scaler, ...] = ()

    @property
    def average(self) -> Parameters:
        """The averaged parameters, or the present ones where there is no average yet."""
        if not self.count:
            return self.parameters
        return tuple(s / self.count for s in self.summed)


@dataclass(frozen=True)
class ViState:
    """All that moves in a variational fit: the checkpoint."""

    seek: SeekState
    #: None while seeking.
    settle: SettleState | None
    #: None before seeking and settling are over.
    fit: Fit | None
    #: Log importance weights of the draws made so far, float64.
    weights: Tensor
    #: The random generator's state, bytes; and what it was before the first step.
    random: Tensor
    origin: Tensor
    #: Steps made, over all phases.
    done: int
    #: How the fit ended; None before.
    outcome: Outcome | None
    #: Where low precision ended in numbers that are not finite; the fit then began again without.
    failed: Scaler | None = None
    #: With minibatches: which data are by row.
    rows: Rows | None = None


def begin(options: ViOptions, density: AbstractLogDensity, generator: torch.Generator) -> ViState:
    """Return the state before the first step.

    Raises:
        NoInitialPointError: no finite starting point in 100 tries.
        DefinitionError: the guide cannot serve the model.
    """
    options.check(density.dim, {p.name: p.plates for p in density.parameters})
    origin = generator.get_state()
    rows = None if options.minibatch is None else rows_of(density)
    near = _near(options, density, rows, origin)
    point = find_initial(near, generator, options.particles)
    seek = start_seek(near, _guide(options, density), point.z)
    weights = torch.empty(0, dtype=torch.float64, device=density.device)
    return ViState(seek, None, None, weights, generator.get_state(), origin, 0, None, rows=rows)


def advance(
    options: ViOptions, density: AbstractLogDensity, state: ViState
) -> tuple[ViState, Info]:
    """Make one step of whichever phase is on."""
    if state.failed is not None:
        density = density.exact
    generator = torch.Generator(density.device)
    generator.set_state(state.random)
    draws, elbo = None, None
    fit = state.fit
    if fit is None:
        near = _near(options, density, state.rows, state.origin)
        step = _seek if state.settle is None else _settle
        state = step(options, near, state, generator)
    elif state.outcome is None:
        state, elbo = _fit(options, density, state, fit, generator)
    else:
        state, draws = _draw(options, density, state, fit, generator)
    state = replace(state, random=generator.get_state(), done=state.done + 1)
    if state.outcome is Outcome.NON_FINITE and state.fit and state.fit.scaler:
        state = _again(options, density, state, state.fit.scaler)
    return state, _info(options, state, draws, elbo)


def complete(options: ViOptions, state: ViState) -> bool:
    """Return whether the fit has ended and all draws are made."""
    if state.outcome == Outcome.NON_FINITE:
        return True
    return state.outcome is not None and len(state.weights) >= _wanted(options)


def _again(
    options: ViOptions, density: AbstractLogDensity, state: ViState, failed: Scaler
) -> ViState:
    """Begin again without rounding: from here on the run is that of float32, bit for bit."""
    generator = torch.Generator(density.device)
    generator.set_state(state.origin)
    return replace(begin(options, density.exact, generator), done=state.done, failed=failed)


def _near(
    options: ViOptions, density: AbstractLogDensity, rows: Rows | None, origin: Tensor
) -> AbstractLogDensity:
    """Return what a fit begins on: of minibatches, some rows that stay the same."""
    if rows is None or options.minibatch is None:
        return density
    generator = torch.Generator(density.device)
    generator.set_state(origin)
    return of_some(density, rows, options.minibatch, generator)


def _ground(
    options: ViOptions,
    density: AbstractLogDensity,
    rows: Rows | None,
    fit: Fit,
    generator: torch.Generator,
) -> Sloped:
    """Return what the next step climbs."""
    if rows is None or options.minibatch is None:
        return rounding.ground(density, fit.scaler)
    return Sampled(model_of(density, rows), generator, options.minibatch)


def _guide(options: ViOptions, density: AbstractLogDensity) -> AbstractGuide:
    return build_guide(options.guide, density.parameters, density.device)


def _particles(options: ViOptions, guide: AbstractGuide) -> int:
    return 1 if guide.point else options.particles


def _seek(
    options: ViOptions, density: AbstractLogDensity, state: ViState, generator: torch.Generator
) -> ViState:
    guide = _guide(options, density)
    seek = step_seek(density, guide, state.seek, generator)
    if not seek.done:
        return replace(state, seek=seek)
    if guide.point:
        return replace(state, seek=seek, fit=_start(options, density, seek.frame))
    settle = start_settle(density, seek.frame, generator, options.particles)
    return replace(state, seek=seek, settle=settle)


def _settle(
    options: ViOptions,
    density: AbstractLogDensity,
    state: ViState,
    generator: torch.Generator,
) -> ViState:
    assert state.settle is not None
    settle = step_settle(density, state.settle, options.particles)
    if not settle.done:
        return replace(state, settle=settle)
    frame = settled(density, settle, generator, options.particles)
    return replace(state, settle=settle, fit=_start(options, density, frame))


def _start(options: ViOptions, density: AbstractLogDensity, frame: Frame) -> Fit:
    frame = frame.to(density.dtype)
    guide = _guide(options, density)
    start = guide.start(frame)
    zeros = tuple(torch.zeros_like(p) for p in start)
    plateau = start_plateau(options.schedule)
    scaler = rounding.first_scaler(density, options.low_precision, guide.target)
    return Fit(frame, start, start_adam(start), plateau, 0, zeros, 0, scaler=scaler)


def _fit(
    options: ViOptions,
    density: AbstractLogDensity,
    state: ViState,
    fit: Fit,
    generator: torch.Generator,
) -> tuple[ViState, tuple[int, float] | None]:
    guide = _guide(options, density)
    particles = _particles(options, guide)
    estimate = estimate_elbo(
        _ground(options, density, state.rows, fit, generator),
        guide,
        fit.frame,
        fit.parameters,
        generator,
        particles,
        options.ascent,
    )
    fit = replace(fit, steps=fit.steps + 1)
    usable = math.isfinite(estimate.elbo)
    if fit.scaler is not None:
        overflows = None if usable else rounding.not_finite(estimate.gradient)
        fit = replace(fit, scaler=follow_scale(fit.scaler, overflows))
    if not usable:
        fit = replace(fit, lost=fit.lost + 1)
        outcome = Outcome.NON_FINITE if fit.lost > PATIENCE else _end(options, fit)
        return replace(state, fit=fit, outcome=outcome), None
    fit = _average(_climb(options, guide, fit, estimate.gradient), options)
    size = sum(p.numel() for p in fit.parameters)
    least = last_windows(size, options.particles, options.steps)
    plateau = follow(fit.plateau, estimate.elbo, options.tolerance, least)
    fit, point = _trace(replace(fit, plateau=plateau), estimate.elbo, options)
    outcome = _end(options, fit)
    if outcome is not None:
        fit = replace(fit, variance=_variance(options, density, state.rows, fit, generator))
    return replace(state, fit=fit, outcome=outcome), point


def _climb(options: ViOptions, guide: AbstractGuide, fit: Fit, uphill: Parameters) -> Fit:
    """Move the parameters up a gradient, by whichever optimiser."""
    rate = options.learning_rate * factor(options.schedule, fit.plateau, fit.steps, options.steps)
    if options.optimizer == "natural_gradient":
        assert isinstance(guide, AbstractNatural)
        return replace(fit, parameters=guide.turn(fit.parameters, uphill, rate), lost=0)
    adam, parameters = step_adam(fit.adam, fit.parameters, uphill, rate)
    return replace(fit, adam=adam, parameters=parameters, lost=0)


def _variance(
    options: ViOptions,
    density: AbstractLogDensity,
    rows: Rows | None,
    fit: Fit,
    generator: torch.Generator,
) -> float | None:
    """Measure the gradient's estimate, with numbers that nobody else will see."""
    own = torch.Generator(density.device)
    own.set_state(generator.get_state())
    guide = _guide(options, density)
    particles = _particles(options, guide)
    return gradient_variance(
        _ground(options, density, rows, fit, own),
        guide,
        fit.frame,
        fit.average,
        own,
        particles,
        options.ascent,
        MEASURED,
    )


def _average(fit: Fit, options: ViOptions) -> Fit:
    if not (fit.plateau.last or fit.steps > 0.875 * options.steps):
        return fit
    summed = tuple(s + p for s, p in zip(fit.summed, fit.parameters, strict=True))
    return replace(fit, summed=summed, count=fit.count + 1)


def _trace(fit: Fit, elbo: float, options: ViOptions) -> tuple[Fit, tuple[int, float] | None]:
    recent = (*fit.recent, elbo)
    every = max(TRACE_EVERY, options.steps // LONGEST)
    if fit.steps % every and fit.steps > 1:
        return replace(fit, recent=recent), None
    point = (fit.steps, sum(recent) / len(recent))
    scalers = (*fit.scalers, fit.scaler) if fit.scaler else ()
    return replace(fit, recent=(), trace=(*fit.trace, point), scalers=scalers), point


def _end(options: ViOptions, fit: Fit) -> Outcome | None:
    over = fit.steps >= options.steps
    if fit.plateau.done and (over or options.schedule != "cosine"):
        return Outcome.CONVERGED
    return Outcome.MAX_ITERATIONS if over else None


def _draw(
    options: ViOptions,
    density: AbstractLogDensity,
    state: ViState,
    fit: Fit,
    generator: torch.Generator,
) -> tuple[ViState, Tensor | None]:
    guide, made = _guide(options, density), len(state.weights)
    limit = options.draws if made < options.draws else _wanted(options)
    count = min(BLOCK, limit - made)
    if state.rows is not None and options.minibatch is not None:
        density = in_blocks(density, state.rows, options.minibatch)
    z, weights = log_weights(
        density, guide, fit.frame, fit.average, generator, count, options.particles
    )
    state = replace(state, weights=torch.cat([state.weights, weights]))
    return state, z[None] if made < options.draws else None


def _wanted(options: ViOptions) -> int:
    # A point is not judged.
    return options.draws if GUIDES[options.guide].point else max(options.draws, JUDGED_BY)


def _info(
    options: ViOptions, state: ViState, draws: Tensor | None, elbo: tuple[int, float] | None
) -> Info:
    blocks = math.ceil(_wanted(options) / BLOCK)
    left = math.ceil((_wanted(options) - len(state.weights)) / BLOCK)
    total = CLIMB + POLISH + SETTLE + options.steps + blocks
    if state.outcome is not None:
        total = state.done + left
    progress = {"elbo": state.fit.trace[-1][1]} if state.fit and state.fit.trace else {}
    scaler = state.fit.scaler if state.fit else None
    if scaler is not None:
        numbers = {"scale": scaler.scale, "skipped": scaler.skipped, "overflows": scaler.overflows}
        progress |= numbers
    phase = "fit" if draws is None and not len(state.weights) else "draw"
    return Info(phase, state.done, total, draws=draws, elbo=elbo, progress=progress)
