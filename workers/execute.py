"""One attempt at one job: data and definition in, artifacts out, and a receipt of how it ended."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from models.cache import Cache
from models.compile import CompiledDensity, compile_model
from models.definition import ModelDefinition
from models.density import AbstractLogDensity, Note
from models.formula.legend import Legend
from models.toolchain import default_cache
from workers.account import Timeline, account_of
from workers.answer import write
from workers.checkpoints.checkpoint import Checkpoint
from workers.checkpoints.keeper import Keeper
from workers.devices import CPU, name_of
from workers.dispatch.task import Receipt, Task
from workers.engines import AnyEngineOptions, build_engine
from workers.engines.engine import EngineOptions
from workers.engines.kernels.continuation import keepsake
from workers.failure import failure
from workers.inputs import read_input
from workers.jobs import JobState
from workers.plan import Plan
from workers.planner import Planner
from workers.results import Diagnostics, Findings, Outcome, Result, Timing, UsedPrior, Warning
from workers.runner import run
from workers.sink import Control, StopReason
from workers.start import find_start
from workers.store.artifacts import RESULT, Artifacts
from workers.store.draws import ArrowSink
from workers.store.errors import StorageFullError
from workers.store.patience import Patience

#: Hands an event (kind, payload) to the dispatcher.
Emit = Callable[[str, dict[str, Any]], None]

_DEFINITION: TypeAdapter[ModelDefinition] = TypeAdapter(ModelDefinition)
_OPTIONS: TypeAdapter[EngineOptions] = TypeAdapter(AnyEngineOptions)
_WAITS = "the artifact store is full; the run goes on once there is room"
_ENDS = {StopReason.CANCELLED: JobState.CANCELLED, StopReason.DEADLINE: JobState.EXPIRED}


def execute(
    task: Task, emit: Emit, control: Control, cache: Cache | None = None, device: str = CPU
) -> Receipt:
    """Compile the model, run the engine, write `result.json` under the task's prefix.

    Args:
        task: what to do.
        emit: takes the events while it runs.
        control: asked at every step whether to stop.
        cache: what this process knows of models from earlier tasks.
        device: the torch device to compute on.

    Returns:
        How it ended. What goes wrong is in the receipt too, never raised.
    """
    try:
        return _attempt(task, emit, control, cache, device)
    except StorageFullError as error:
        # There was no waiting for room any more; most likely because the run is to end.
        reason = control.stop()
        return failure(error) if reason is None else Receipt(state=_ENDS[reason])
    except Exception as error:
        return failure(error)


def _attempt(task: Task, emit: Emit, control: Control, cache: Cache | None, device: str) -> Receipt:
    began, timeline = time.perf_counter(), Timeline()
    artifacts = Artifacts(task.artifacts)
    with timeline.lasting("compile"):
        density = _compile(task, artifacts, cache, device)
    with closing(density):
        return _computed(task, emit, control, artifacts, density, began, timeline)


def _computed(
    task: Task,
    emit: Emit,
    control: Control,
    artifacts: Artifacts,
    density: CompiledDensity,
    began: float,
    timeline: Timeline,
) -> Receipt:
    planner = Planner(
        _OPTIONS.validate_python(task.engine),
        density,
        wish=task.tier,
        cache_dir=default_cache(),
        control=control,
        plan=Plan.model_validate(task.plan) if task.plan else None,
    )
    with timeline.lasting("plan"):
        going = planner.begin()
    compiled = time.perf_counter() - began
    if (reason := control.stop()) is not None or not going:
        return Receipt(state=_ENDS[reason or StopReason.CANCELLED])
    options = planner.options
    patience = Patience(
        stopped=lambda: control.stop() is not None,
        tell=lambda: emit("log", {"level": "warning", "message": _WAITS}),
    )
    with closing(ArrowSink(artifacts, task.prefix, emit, patience.wait)) as sink:
        keeper = Keeper(artifacts, task.prefix, sink, keepsake=partial(keepsake, options))
        start = find_start(task, options, density, artifacts, sink, keeper)
        with timeline.lasting("run"):
            findings, phases = run(
                build_engine(options),
                density,
                seed=task.seed,
                sink=sink,
                control=control,
                before=planner.before,
                start=start,
                keeper=keeper,
            )
        draws = sink.written[0] * getattr(options, "chains", 1)
    reason = control.stop() if findings.outcome is Outcome.STOPPED else None
    if reason is not None and not _says_something(findings):
        return Receipt(state=_ENDS[reason])
    timing = Timing(
        queued=task.queued_seconds,
        compile=compiled,
        warmup=phases.get("warmup"),
        sample=phases.get("sample"),
        total=time.perf_counter() - began + _earlier(start),
    )
    result = _result(task, planner, density, findings, timing, partial=reason is not None)
    key, content = f"{task.prefix}/{RESULT}", write(result)
    with timeline.lasting("write"):
        patience.through(lambda: artifacts.put(key, content))
    return Receipt(
        state=JobState.SUCCEEDED if reason is None else _ENDS[reason],
        result=True,
        account=account_of(result, draws, timeline.phases),
    )


def _earlier(start: Checkpoint | None) -> float:
    """Return the seconds that attempts before took to where this one started."""
    return sum(start.told.seconds.values()) if start else 0.0


def _compile(task: Task, artifacts: Artifacts, cache: Cache | None, device: str) -> CompiledDensity:
    definition = _DEFINITION.validate_python(task.definition)
    data = read_input(artifacts, task.input_key, definition)
    return compile_model(
        definition,
        data,
        precision_name=task.precision,
        device=device,
        cache=cache,
        seed=task.seed,
        discrete=_OPTIONS.validate_python(task.engine).discrete,
    )


def _says_something(findings: Findings) -> bool:
    """Return whether a run that was stopped had computed anything worth reading."""
    stein = findings.stein is not None and bool(findings.stein.trace)
    climbed = findings.approximation is not None and bool(findings.approximation.paths)
    return any((findings.summary, findings.mle, findings.elbo, stein, climbed))


def _result(
    task: Task,
    planner: Planner,
    density: AbstractLogDensity,
    findings: Findings,
    timing: Timing,
    *,
    partial: bool,
) -> Result:
    """Add the circumstances to what an engine found."""
    parts = {name: getattr(findings, name) for name in Findings.model_fields}
    legend = density.legend
    parts["diagnostics"] = with_notes(findings.diagnostics, density.notes)
    return Result(
        **parts,
        job=task.job,
        engine=planner.options.model_dump(mode="json"),
        seed=task.seed,
        version=version("credence-inference"),
        tier=density.tier,
        compiled_from=planner.compiled_from,
        choice=planner.plan.why if planner.plan and planner.plan.why else None,
        precision=task.precision,
        device=name_of(density.device.type),
        labels=None if legend is None else _labels(legend),
        priors=None if legend is None else [UsedPrior(**asdict(p)) for p in legend.priors],
        partial=partial or None,
        timing=timing,
    )


def _labels(legend: Legend) -> dict[str, list[list[str]]]:
    return {name: [list(d) for d in dimensions] for name, dimensions in legend.labels.items()}


def with_notes(diagnostics: Diagnostics | None, notes: tuple[Note, ...]) -> Diagnostics | None:
    """Put the density's notes among the warnings."""
    if not notes:
        return diagnostics
    diagnostics = diagnostics or Diagnostics()
    warnings = [Warning(code=note.code, message=note.message) for note in notes]
    return diagnostics.model_copy(update={"warnings": [*diagnostics.warnings, *warnings]})
