"""What there is of a job that still runs: the draws and the ELBO points so far."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from workers.answer import write
from workers.jobs import Job
from workers.plan import Plan
from workers.results import ElboResult, Outcome, Result, Timing
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws
from workers.store.store import Store
from workers.summaries import summarize

#: Below this the split halves of a chain have no variance to speak of.
_FEWEST_DRAWS = 4
_BATCH = 1000


def partial_result(store: Store, artifacts: Artifacts, job: Job) -> dict[str, Any] | None:
    """Return a result of what a running job has written so far; None where that is nothing."""
    draws = ArrowDraws(artifacts, f"jobs/{job.id}/{job.token}")
    summary = summarize(draws) if draws.draws >= _FEWEST_DRAWS else None
    elbo = _elbo(store, job)
    if summary is None and elbo is None:
        return None
    plan = Plan.model_validate(job.plan) if job.plan else None
    found = Result(
        job=job.id,
        engine=plan.engine if plan else job.engine,
        outcome=Outcome.STOPPED,
        message="The job is still running; this is what it has computed so far.",
        seed=job.seed,
        version=version("credence-inference"),
        tier=_tier(job, plan),
        compiled_from=plan.compiled_from if plan else None,
        choice=plan.why or None if plan else None,
        precision=job.request.get("precision", "float64"),
        partial=True,
        timing=Timing(total=_seconds(job)),
        summary=summary,
        elbo=elbo,
    )
    answer: dict[str, Any] = json.loads(write(found))
    return answer


def _tier(job: Job, plan: Plan | None) -> str:
    """Return the tier that the run is on, or soon will be."""
    if plan is None:
        return "compiled" if job.request.get("tier") == "compiled" else "interpreted"
    return "interpreted" if plan.compiled_from is None else "compiled"


def _elbo(store: Store, job: Job) -> ElboResult | None:
    """Gather the points of the ELBO trace from the events."""
    # An attempt that goes on from a checkpoint tells again what came after it.
    points: dict[int, float | None] = {}
    after = 0
    while batch := store.events(job.id, after, _BATCH):
        after = batch[-1].id
        for event in batch:
            if event.kind == "elbo":
                points.update(zip(event.payload["steps"], event.payload["values"], strict=True))
    if not points:
        return None
    trace = list(points.values())
    return ElboResult(trace=trace, steps=list(points), final=trace[-1], standard_error=None)


def _seconds(job: Job) -> float:
    """Return the seconds since the job was started."""
    if job.started_at is None:
        return 0.0
    return (datetime.now(UTC) - job.started_at).total_seconds()
