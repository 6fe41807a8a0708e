"""The one loop. It stops, reports, keeps checkpoints and hands draws on; engines only step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from models.density import AbstractLogDensity
from workers.checkpoints.checkpoint import Checkpoint
from workers.draw_buffer import DrawBuffer
from workers.engines.engine import AbstractEngine
from workers.reporter import Reporter
from workers.results import Findings, Outcome
from workers.sink import AbstractKeeper, AbstractSink, Control, StopReason

__all__ = ["AbstractSink", "Control", "StopReason", "run"]


def _go_on(step: int) -> bool:
    return True


def _checkpoint(step: int, state: Any, buffer: DrawBuffer, reporter: Reporter) -> Checkpoint:
    return Checkpoint(step, state, buffer.held, reporter.told())


def run(
    engine: AbstractEngine[Any, Any],
    density: AbstractLogDensity,
    *,
    seed: int,
    sink: AbstractSink,
    control: Control,
    before: Callable[[int], bool] = _go_on,
    start: Checkpoint | None = None,
    keeper: AbstractKeeper | None = None,
) -> tuple[Findings, dict[str, float]]:
    """Run an engine to its end, or until it is stopped or its draws become non-finite.

    Args:
        engine: what to run.
        density: on what.
        seed: of the one random generator, 0 to 2^63 - 1.
        sink: takes draws and events.
        control: asked before every step whether to go on.
        before: called with the number of every step, from 0, before it is made, while nothing
            computes: the density may change its tier then. Returns whether to go on.
        start: where to go on from instead of beginning; the sink has the draws made before.
        keeper: takes checkpoints.

    Returns:
        What was found, and seconds by phase (`warmup`, `sample`) from the first gradient to the
        last draw, of interrupted runs that this one goes on from too.

    Raises:
        NoInitialPointError: no starting point has a finite log density.
    """
    generator = torch.Generator(density.device).manual_seed(seed)
    for note in density.notes:
        sink.emit("log", {"level": "info", "message": note.message})
    reporter = Reporter(sink, earlier=start.told if start else None)
    if start is None:
        start = Checkpoint(0, engine.init(density, generator))
    buffer = DrawBuffer(density, sink, start.held)
    state, step = start.state, start.step
    while (outcome := engine.done(state)) is None:
        if control.stop() is not None or not before(step):
            outcome = Outcome.STOPPED
            break
        state, info = engine.step(density, state)
        step += 1
        buffer.add(info)
        reporter.take(info)
        if not buffer.finite:
            outcome = Outcome.NON_FINITE
            break
        if keeper is not None:
            now = partial(_checkpoint, step, state, buffer, reporter)
            keeper.offer(buffer.empty, now)
    buffer.flush()
    if not buffer.finite:
        outcome = Outcome.NON_FINITE
    elif keeper is not None:
        keeper.end(state)
    reporter.close()
    return engine.finish(density, state, outcome, sink.draws()), reporter.timings
