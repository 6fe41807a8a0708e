"""Calls about jobs: submit, look at, wait for, cancel, delete."""

import uuid
from collections.abc import Mapping
from typing import Any

from services.client.calls.pages import pages
from services.client.data import Data, load, refuse_non_finite
from services.client.model import Model, definition
from services.client.steps import Call, Flow, Request

#: States that a job never leaves.
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})

#: A job as the service describes it, its result, or its id.
Job = Mapping[str, Any] | str


def submit(
    model: Model,
    data: Data | None = None,
    engine: str | Mapping[str, Any] = "nuts",
    *,
    seed: int | None = None,
    idempotency_key: str | None = None,
    **circumstances: Any,
) -> Call[dict[str, Any]]:
    """Submit a job and return it; it is on disk at the service by then.

    Args:
        model: a Pyro function (its text is sent), a definition, a reference `{"id": ...}`, a
            formula (`y ~ x + (1 | g)`; `formula(...)` for a family and priors), or the path of a
            `.py` or `.json` file.
        data: names to numbers, nested lists, arrays, tensors; a data frame; or a file's path.
        engine: the engine's kind, or its options with `kind`.
        seed: 0 to 2^63 - 1; the service draws one where there is none.
        idempotency_key: two submissions under one key are one job; fresh when absent.
        **circumstances: `precision`, `tier`, `warm_start_from`, `resources`, `limits`, `labels`,
            `priority`, as in the HTTP contract.

    Raises:
        InputError: model or data cannot be sent.
        ProblemError: the service refuses them, with the paths.
    """
    options = {"kind": engine} if isinstance(engine, str) else dict(engine)
    posted = definition(model)
    body: dict[str, Any] = {"model": posted, "data": load(data, posted), "engine": options}
    body |= {"seed": seed} if seed is not None else {}
    body |= {name: value for name, value in circumstances.items() if value is not None}
    refuse_non_finite(body, "job")
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    answer = yield Request("POST", "/v1/jobs", body=body, headers=headers, repeatable=True)
    return answer.json()


def job(job: Job) -> Call[dict[str, Any]]:
    """Return a job as it stands now."""
    answer = yield Request("GET", f"/v1/jobs/{job_id(job)}")
    return answer.json()


def jobs(
    *, state: str | None = None, label: str | None = None, page_size: int | None = None
) -> Flow[dict[str, Any]]:
    """Yield the caller's jobs page by page, newest first.

    Args:
        state: only jobs in this state.
        label: only jobs with this label, `name:value`.
        page_size: jobs per request.
    """
    query = {"state": state, "label": label, "page_size": page_size}
    yield from pages("/v1/jobs", "jobs", query)


def result(job: Job, *, partial: bool = False) -> Call[dict[str, Any]]:
    """Return a job's result.

    Args:
        job: the job.
        partial: accept what there is of a job that still runs.

    Raises:
        ProblemError: the job still runs, or failed (then it is the job's own problem).
    """
    query = {"partial": "true"} if partial else {}
    answer = yield Request("GET", f"/v1/jobs/{job_id(job)}/result", query=query)
    return answer.json()


def extend(job: Job, draws: int, *, idempotency_key: str | None = None) -> Call[dict[str, Any]]:
    """Add draws per chain to an ended job; return the new job, which will have all of them.

    Args:
        job: of a sampler.
        draws: how many to add.
        idempotency_key: two requests under one key are one job; fresh when absent.

    Raises:
        ProblemError: the job has not ended, or has kept nothing to go on from.
    """
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    path = f"/v1/jobs/{job_id(job)}/extend"
    body = {"draws": draws}
    answer = yield Request("POST", path, body=body, headers=headers, repeatable=True)
    return answer.json()


def cancel(job: Job) -> Call[dict[str, Any]]:
    """Ask a job to stop and return it; what it had computed stays readable."""
    answer = yield Request("POST", f"/v1/jobs/{job_id(job)}/cancel", repeatable=True)
    return answer.json()


def delete(job: Job) -> Call[None]:
    """Delete a job that has ended, with its artifacts."""
    yield Request("DELETE", f"/v1/jobs/{job_id(job)}")


def job_id(job: Job) -> str:
    """Return a job's id; of a result, the id of its job."""
    if isinstance(job, str):
        return job
    return str(job["id"] if "id" in job else job["job"])
