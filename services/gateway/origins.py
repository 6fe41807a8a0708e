"""The job that a new one begins with: what it must have kept, and whether it fits."""

from collections.abc import Mapping
from typing import Any

from services.errors import Complaint, InvalidInputError
from services.gateway.deps import Deps
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.inputs import located, read_document
from workers.jobs import Job
from workers.request import JobRequest
from workers.store.artifacts import STATE
from workers.store.errors import JobNotFoundError


def warm_start(
    deps: Deps, owner: str, body: JobRequest, description: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the origin of a job that starts warm, as its row keeps it; None where it does not.

    Args:
        deps: the gateway's parts.
        owner: who asks.
        body: the posted job.
        description: `models.compile.ModelDescription` of its model as JSON, with data.

    Raises:
        InvalidInputError: the other job is not there, has kept nothing, or has other unknowns.
    """
    if body.warm_start_from is None:
        return None
    if not isinstance(body.engine, AbstractSamplerOptions):
        raise _refused("is for `chees`, `nuts` and `hmc`; leave it out")
    try:
        job = deps.store.get_job(owner, body.warm_start_from)
    except JobNotFoundError as error:
        raise _refused(error.detail) from None
    if not keeps_state(deps, job):
        raise _refused(
            f"job {job.id} is {job.state} and has kept nothing to start from; write the id of a "
            "job of `chees`, `nuts` or `hmc` that has ended with draws"
        )
    theirs, ours = _unknowns(describe(deps, job)), _unknowns(description)
    if theirs != ours:
        names = sorted({name for name, *_ in set(theirs) ^ set(ours)})
        raise _refused(
            f"job {job.id} has other unknowns than this model; they differ in {', '.join(names)}"
        )
    return origin(job, "warm_start")


def origin(job: Job, use: str) -> dict[str, Any]:
    """Return a `workers.dispatch.task.Origin` in JSON."""
    return {"job": job.id, "use": use, "prefix": job.result_prefix}


def keeps_state(deps: Deps, job: Job) -> bool:
    """Return whether a job has ended and kept what another may go on from."""
    prefix = job.result_prefix
    return prefix is not None and deps.artifacts.exists(f"{prefix}/{STATE}")


def describe(deps: Deps, job: Job) -> dict[str, Any]:
    """Return the description of a job's model with its data, as its submission found it."""
    data = read_document(deps.artifacts, job.input_key)
    return deps.validator.check(job.definition, located(data, deps.artifacts))


def _unknowns(description: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...], str]]:
    return [
        (p["name"], tuple(p["shape"] or ()), str(p["support"])) for p in description["parameters"]
    ]


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError([Complaint(path="warm_start_from", message=message)])
