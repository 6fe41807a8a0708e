"""The phases of a variational fit: seek, settle, fit, draw.

With discrete unknowns the first two are on the continuous ones given values of the others, in turns
with a search for these (`cell_search`), and the fit is on both (`mixed`).

State is immutable and holds the generator's state, so a fit continues from any state bit for bit.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from models.mixed import MixedDensity, mixed_of
from models.rows import Rows
from workers.engines.engine import Info
from workers.engines.kernels import mixed_fit, rounding
from workers.engines.kernels.adam import start_adam, step_adam
from workers.engines.kernels.cell_search import first_values
from workers.engines.kernels.elbo import estimate_elbo, gradient_variance, log_weights, variance_of
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide, AbstractNatural, Parameters
from workers.engines.kernels.guides import GUIDES, build_guide
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.minibatches import Sampled, in_blocks, model_of, of_some, rows_of
from workers.engines.kernels.plateau import follow, last_windows
from workers.engines.kernels.rounding import Sloped
from workers.engines.kernels.scaler import Scaler, follow_scale
from workers.engines.kernels.schedule import factor, start_plateau
from workers.engines.kernels.seek import CLIMB, POLISH, start_seek, step_seek
from workers.engines.kernels.settle import SETTLE, settled, start_settle, step_settle
from workers.engines.kernels.vi_options import ViOptions
from workers.engines.kernels.vi_state import Fit, ViState
from workers.results import Outcome

#: The trace has a point for every so many steps, and no more than `LONGEST` points.
TRACE_EVERY, LONGEST = 10, 2000
#: Draws of one step of the last phase, and draws at the least that judge the fit.
BLOCK, JUDGED_BY = 250, 4000
#: Estimates in a row that may be not finite; and gradients that their variance is measured from.
PATIENCE, MEASURED = 100, 32
#: Turns of seeking continuous unknowns given discrete ones.
TURNS = 3


def begin(options: ViOptions, density: AbstractLogDensity, generator: torch.Generator) -> ViState:
    """Return the state before the first step.

    Raises:
        NoInitialPointError: no finite starting point in 100 tries.
        DefinitionError: the guide cannot serve the model.
    """
    options.check(density.dim, {p.name: p.plates for p in density.parameters})
    options.check_parameters(density.parameters)
    origin = generator.get_state()
    mixed = mixed_of(density)
    if mixed is not None:
        return _begin_mixed(options, mixed, generator)
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
        mixed = mixed_of(density)
        if mixed is None:
            near = _near(options, density, state.rows, state.origin)
            state = _before(options, near, state, generator)
        else:
            state = _before_mixed(options, mixed, state, generator)
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


def _begin_mixed(options: ViOptions, mixed: MixedDensity, generator: torch.Generator) -> ViState:
    origin, device = generator.get_state(), mixed.density.device
    values = first_values(mixed, generator)
    weights = torch.empty(0, dtype=torch.float64, device=device)
    if mixed.dim:
        near = mixed.given(values)
        point = find_initial(near, generator, options.particles)
        seek = start_seek(near, _guide(options, near), point.z)
        random = generator.get_state()
        return ViState(seek, None, None, weights, random, origin, 0, None, values=values)
    nothing = torch.empty(0, dtype=mixed.density.dtype, device=device)
    fit = _start(options, mixed.density, Frame(nothing, nothing))
    fit, modes, _ = mixed_fit.lay(mixed, fit, values, generator)
    random = generator.get_state()
    return ViState(None, None, fit, weights, random, origin, 0, None, values=modes)


def _before_mixed(
    options: ViOptions, mixed: MixedDensity, state: ViState, generator: torch.Generator
) -> ViState:
    """Seek or settle given discrete values; then look for better ones."""
    assert state.values is not None
    near = mixed.given(state.values)
    state = _before(options, near, state, generator)
    if state.fit is None or state.values is None:
        return state
    fit, modes, z = mixed_fit.lay(mixed, state.fit, state.values, generator)
    state = replace(state, fit=fit, values=modes, turns=state.turns + 1)
    if state.turns == TURNS:
        return state
    near = mixed.given(modes)
    seek = start_seek(near, _guide(options, near), z)
    return replace(state, seek=seek, settle=None, fit=None)


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
    return build_guide(options.family, density.parameters, density.device)


def _particles(options: ViOptions, guide: AbstractGuide) -> int:
    return 1 if guide.point else options.particles


def _before(
    options: ViOptions, density: AbstractLogDensity, state: ViState, generator: torch.Generator
) -> ViState:
    """Make one step before the fit."""
    step = _seek if state.settle is None else _settle
    return step(options, density, state, generator)


def _seek(
    options: ViOptions, density: AbstractLogDensity, state: ViState, generator: torch.Generator
) -> ViState:
    assert state.seek is not None
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
    guide, mixed = _guide(options, density), mixed_of(density)
    if mixed is None:
        estimate = estimate_elbo(
            _ground(options, density, state.rows, fit, generator),
            guide,
            fit.frame,
            fit.parameters,
            generator,
            _particles(options, guide),
            options.ascent,
        )
    else:
        estimate = mixed_fit.estimate(mixed, fit, fit.parameters, generator, options.particles)
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
    least = last_windows(_size(fit), options.particles, options.steps)
    plateau = follow(fit.plateau, estimate.elbo, options.tolerance, least)
    if mixed is not None and plateau.level > fit.plateau.level:
        fit = mixed_fit.lay_anew(mixed, fit, generator)
    fit, point = _trace(replace(fit, plateau=plateau), estimate.elbo, options)
    outcome = _end(options, fit)
    if outcome is not None:
        fit = replace(fit, variance=_variance(options, density, state.rows, fit, generator))
    return replace(state, fit=fit, outcome=outcome), point


def _size(fit: Fit) -> int:
    """Return how many parameters move the bound: of a discrete entry's cells about two."""
    if fit.cells is None:
        return sum(p.numel() for p in fit.parameters)
    return sum(p.numel() for p in fit.parameters[:-1]) + 2 * len(fit.cells.start)


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
    mixed = mixed_of(density)
    if mixed is not None:
        average = fit.average
        return variance_of(
            [
                mixed_fit.estimate(mixed, fit, average, own, options.particles)
                for _ in range(MEASURED)
            ]
        )
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
    mixed = mixed_of(density)
    if mixed is not None:
        z, weights = mixed_fit.weigh(mixed, fit, generator, count, options.particles)
        return _drawn(options, state, z, weights)
    if state.rows is not None and options.minibatch is not None:
        density = in_blocks(density, state.rows, options.minibatch)
    z, weights = log_weights(
        density, guide, fit.frame, fit.average, generator, count, options.particles
    )
    return _drawn(options, state, z, weights)


def _drawn(
    options: ViOptions, state: ViState, z: Tensor, weights: Tensor
) -> tuple[ViState, Tensor | None]:
    draws = z[None] if len(state.weights) < options.draws else None
    return replace(state, weights=torch.cat([state.weights, weights])), draws


def _wanted(options: ViOptions) -> int:
    # A point is not judged.
    return options.draws if GUIDES[options.family].point else max(options.draws, JUDGED_BY)


def _info(
    options: ViOptions, state: ViState, draws: Tensor | None, elbo: tuple[int, float] | None
) -> Info:
    blocks = math.ceil(_wanted(options) / BLOCK)
    left = math.ceil((_wanted(options) - len(state.weights)) / BLOCK)
    before = (CLIMB + POLISH + SETTLE) * (1 if state.values is None else TURNS)
    total = before + options.steps + blocks
    if state.outcome is not None:
        total = state.done + left
    progress = {"elbo": state.fit.trace[-1][1]} if state.fit and state.fit.trace else {}
    scaler = state.fit.scaler if state.fit else None
    if scaler is not None:
        numbers = {"scale": scaler.scale, "skipped": scaler.skipped, "overflows": scaler.overflows}
        progress |= numbers
    phase = "fit" if draws is None and not len(state.weights) else "draw"
    return Info(phase, state.done, total, draws=draws, elbo=elbo, progress=progress)
