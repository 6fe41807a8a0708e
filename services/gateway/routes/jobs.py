"""Jobs: submit, look at, cancel, delete, follow."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from services.errors import Complaint, InvalidInputError
from services.gateway.audited import audited
from services.gateway.caller import Caller
from services.gateway.deps import Author, Deps, JsonBody, Owner, Parts
from services.gateway.extension import extend
from services.gateway.openapi import BODY, NAMED, extension_body, job_body, problems
from services.gateway.resources import JobPage, JobResource, job_resource
from services.gateway.routes.paging import PageSize, PageToken
from services.gateway.standing import Standing
from services.gateway.streams import stream
from services.gateway.submission import KEY_LENGTH, submit
from workers.jobs import Job, JobState
from workers.store.bell import WORK, job_topic

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}\Z")
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,63})[=:](.{0,256})\Z")


@router.post(
    "",
    status_code=202,
    response_model=JobResource,
    openapi_extra=job_body(),
    responses=problems(*BODY, *NAMED, 503),
)
async def post_job(
    body: JsonBody,
    deps: Parts,
    caller: Author,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="The same key with the same body gives the first job again, for 24 hours "
            "after it was submitted; another body is refused. Keys of other callers do not matter."
        ),
    ] = None,
) -> JobResource:
    """Check a job and queue it; it is on disk when this answers."""
    job = await run_in_threadpool(_submit, deps, caller, body, _checked_key(idempotency_key))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_resource(job)


def _submit(deps: Deps, caller: Caller, body: Any, key: str | None) -> Job:
    with audited(deps.store, caller, "submit_job") as deed:
        job, _ = submit(deps, caller, body, key)
        deed.thing = job.id
    return job


@router.get("", responses=problems(422))
def list_jobs(
    deps: Parts,
    owner: Owner,
    state: JobState | None = None,
    label: Annotated[
        str | None, Query(description="Only jobs with this label, `name:value`.")
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> JobPage:
    """List the caller's jobs, newest first."""
    jobs, following = deps.store.list_jobs(
        owner, state=state, label=_label(label), page_size=page_size, page_token=page_token
    )
    return JobPage(jobs=[job_resource(job) for job in jobs], next_page_token=following)


@router.get("/{job_id}", responses=problems(*NAMED))
async def get_job(job_id: str, deps: Parts, owner: Owner) -> JobResource:
    """Show a job."""
    return job_resource(await deps.lookups.job(owner, job_id))


@router.post("/{job_id}/cancel", responses=problems(*NAMED))
def cancel_job(job_id: str, deps: Parts, caller: Author) -> JobResource:
    """Ask a job to stop; what it has computed stays readable. An ended job is left alone."""
    with audited(deps.store, caller, "cancel_job", job_id):
        job = deps.store.request_cancel(caller.owner, job_id, by=caller.key)
    deps.bell.ring(WORK)
    deps.bell.ring(job_topic(job_id))
    return job_resource(job)


@router.delete("/{job_id}", status_code=204, responses=problems(*NAMED, 409))
def delete_job(job_id: str, deps: Parts, caller: Author) -> None:
    """Delete an ended job with its events, draws and result."""
    with audited(deps.store, caller, "delete_job", job_id):
        deps.store.delete_job(caller.owner, job_id, by=caller.key)
    deps.artifacts.delete(f"jobs/{job_id}")


@router.post(
    "/{job_id}/extend",
    status_code=202,
    response_model=JobResource,
    openapi_extra=extension_body(),
    responses=problems(*BODY, *NAMED, 409, 503),
)
def extend_job(
    job_id: str,
    body: JsonBody,
    deps: Parts,
    caller: Author,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key with the same body gives the first job again."),
    ] = None,
) -> JobResource:
    """Add draws to an ended job of a sampler, without new warm-up: a new job, which has all."""
    with audited(deps.store, caller, "extend_job", job_id):
        job = extend(deps, caller, job_id, body, _checked_key(idempotency_key))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_resource(job)


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."},
        **problems(*NAMED, 422, 503),
    },
)
async def follow_job(
    job_id: str,
    request: Request,
    deps: Parts,
    owner: Owner,
    last_event_id: Annotated[
        str | None, Header(description="Resume after the event with this id.")
    ] = None,
) -> StreamingResponse:
    """Follow a job: `state`, `progress`, `elbo`, `checkpoint` and `log` events as they happen."""
    after = _event_id(last_event_id)
    await deps.lookups.job(owner, job_id)
    deps.gate.check()
    standing = Standing(deps.store.accounts, request.state.caller)

    async def events() -> Any:
        with deps.metrics.streams.track_inprogress(), deps.gate.passed():
            found = stream(
                deps.store,
                deps.switchboard,
                deps.lookups,
                job_id,
                owner=owner,
                after=after,
                ping_seconds=deps.settings.ping_seconds,
                poll_seconds=deps.settings.poll_seconds,
            )
            async for chunk in found:
                yield chunk
                if not await standing.lasts():
                    return

    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


def _checked_key(key: str | None) -> str | None:
    if key is not None and not _KEY.match(key):
        message = f"write 1 to {KEY_LENGTH} visible ASCII characters"
        raise InvalidInputError([Complaint(path="Idempotency-Key", message=message)])
    return key


def _label(text: str | None) -> str | None:
    """Return the store's form of `name:value`."""
    if text is None:
        return None
    match = _LABEL.match(text)
    if match is None:
        raise InvalidInputError([Complaint(path="label", message="write `name:value`")])
    return f"{match[1]}={match[2]}"


def _event_id(text: str | None) -> int:
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        message = "write the id of an event of this job"
        raise InvalidInputError([Complaint(path="Last-Event-ID", message=message)])
    return int(text)
