"""What a job has computed: its result, whole or partial, and its draws."""

import json
from typing import Any

from services.errors import Complaint, ConflictError, InvalidInputError, JobFailedError
from services.gateway.deps import Deps
from services.gateway.partial import partial_result
from workers.jobs import Job, JobState
from workers.store.artifacts import RESULT, Artifacts
from workers.store.draws import ArrowDraws
from workers.store.errors import ArtifactNotFoundError

_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def result(deps: Deps, job: Job, partial: bool) -> dict[str, Any]:
    """Return a job's result as JSON.

    Args:
        deps: the gateway's parts.
        job: the job.
        partial: whether what there is of a running job will do.

    Raises:
        ConflictError: there is none, or none yet.
        JobFailedError: the job failed; has its problem.
    """
    if job.state in _ACTIVE:
        found = partial_result(deps.store, deps.artifacts, job) if partial else None
        if found is None:
            raise ConflictError(_unfinished(job, partial))
        return found
    _check_not_failed(job)
    published = _published(deps.artifacts, job)
    if job.state is not JobState.SUCCEEDED:
        published["partial"] = True
    return published


def draws(deps: Deps, job: Job, partial: bool) -> ArrowDraws:
    """Return a job's draws.

    Raises:
        ConflictError: there are none, or none yet.
        JobFailedError: the job failed; has its problem.
    """
    if job.state in _ACTIVE and not partial:
        raise ConflictError(_unfinished(job, partial))
    _check_not_failed(job)
    found = ArrowDraws(deps.artifacts, job.result_prefix or f"jobs/{job.id}/{job.token}")
    if found.draws == 0 and job.draws_expired_at is not None:
        day = job.draws_expired_at.date()
        raise ConflictError(
            f"The job's draws were kept until {day}, as long as this service keeps them; its "
            "result is still there. Submit it again with its seed for the same draws."
        )
    if found.draws == 0:
        raise ConflictError(f"The job has no draws; its engine is {job.engine['kind']!r}.")
    return found


def names(found: ArrowDraws, wanted: str | None) -> list[str] | None:
    """Return the quantities that `parameters=a,b` names; None for all.

    Raises:
        InvalidInputError: there is none of some name.
    """
    if wanted is None:
        return None
    asked = [name.strip() for name in wanted.split(",")]
    for name in asked:
        if name not in found.names():
            known = ", ".join(found.names())
            message = f"unknown: {name[:64]!r}; write names among {known}, separated by commas"
            raise InvalidInputError([Complaint(path="parameters", message=message)])
    return asked


def _published(artifacts: Artifacts, job: Job) -> dict[str, Any]:
    if job.result_prefix is None:
        raise ConflictError(f"The job was {job.state} before it had computed anything.")
    try:
        published: dict[str, Any] = json.loads(artifacts.get(f"{job.result_prefix}/{RESULT}"))
    except ArtifactNotFoundError:
        raise ConflictError(f"The job was {job.state} before it had a result.") from None
    return published


def _check_not_failed(job: Job) -> None:
    if job.state is JobState.FAILED:
        raise JobFailedError(job.error or {})


def _unfinished(job: Job, partial: bool) -> str:
    if partial:
        return f"The job is {job.state} and has computed nothing readable yet; try again later."
    return (
        f"The job is {job.state}; wait for its end (follow /v1/jobs/{job.id}/events), "
        "or add ?partial=true for what there is."
    )
