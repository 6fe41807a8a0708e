"""Job rows as their owners use them: submit, read, list, cancel, delete."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from workers.jobs import Job, JobState
from workers.store import datasets, events, idempotency, owners
from workers.store.backlog import Backlog
from workers.store.connection import dump_json
from workers.store.errors import IdempotencyConflictError, JobActiveError, JobNotFoundError
from workers.store.pages import Page, read_page
from workers.store.quotas import FREE, Terms, check_job, limits
from workers.store.schema import jobs, labels


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What becomes a job."""

    owner: str
    #: The request without its data, its seed filled in (`workers.request.JobRequest.stored`).
    request: Mapping[str, Any]
    definition: Mapping[str, Any]
    input_key: str
    idempotency_key: str | None = None
    #: The digest of the posted body, compared when the key comes again.
    body_digest: str | None = None
    #: The artifact key of the data set that the input refers to.
    dataset_key: str | None = None
    #: The bytes of its data, and of its draws at the most.
    size: int = 0
    #: What it is measured against.
    terms: Terms = FREE


#: Made once: putting them together takes as long as carrying them out.
_INSERTION = insert(jobs).returning(jobs.c.number)
_BY_ID = select(jobs).where(jobs.c.id == bindparam("wanted"))


def submit(
    connection: Connection, submissions: Sequence[Submission], now: datetime, backlog: Backlog
) -> list[tuple[Job, bool]]:
    """Store jobs in the queue; return each and whether it is new.

    Transactions that store several may run at the same time. What they wait for each other for is
    taken in one order: all owners' rows first, then all idempotency keys.

    Raises:
        IdempotencyConflictError: a key came before with another body.
        DatasetNotFoundError: a data set has been deleted.
        QueueFullError, QuotaExceededError: one is one too many.
    """
    _enrol(connection, submissions)
    ids = [uuid.uuid4().hex for _ in submissions]
    firsts = _take_keys(connection, submissions, ids, now)
    new = {
        job_id: _insert(connection, submission, job_id, now, backlog)
        for submission, job_id in zip(submissions, ids, strict=True)
        if job_id not in firsts
    }
    events.write_first(connection, list(new), state_event(JobState.QUEUED), now)
    return [
        (_first(connection, submission, firsts[job_id]), False)
        if job_id in firsts
        else (new[job_id], True)
        for submission, job_id in zip(submissions, ids, strict=True)
    ]


def _enrol(connection: Connection, submissions: Sequence[Submission]) -> None:
    """See that owners have their rows, and lock those whose things are to be counted."""
    quotas = {submission.owner: submission.terms.quotas for submission in submissions}
    counted = {s.owner for s in submissions if limits(s.terms.quotas)}
    for owner in sorted(quotas):
        owners.enrol(connection, owner, quotas[owner].running_jobs)
        if owner in counted:
            owners.lock(connection, owner)


def _take_keys(
    connection: Connection, submissions: Sequence[Submission], ids: Sequence[str], now: datetime
) -> dict[str, str]:
    """Let idempotency keys stand for new jobs; return what those stand for that did before.

    Returns:
        By the id that the new job would have had, the id of the job that the key stands for.
    """
    keyed = sorted(
        (submission.owner, submission.idempotency_key, number)
        for number, submission in enumerate(submissions)
        if submission.idempotency_key is not None
    )
    taken = {
        ids[number]: idempotency.take(connection, owner, key, ids[number], now)
        for owner, key, number in keyed
    }
    return {job_id: first for job_id, first in taken.items() if first is not None}


def _insert(
    connection: Connection, submission: Submission, job_id: str, now: datetime, backlog: Backlog
) -> Job:
    size = submission.size + len(dump_json(submission.definition))
    check_job(connection, submission.owner, submission.terms, size, now, backlog)
    values = _values(submission, job_id, size, now)
    number = connection.execute(_INSERTION, values).scalar_one()
    marks = submission.request.get("labels", {})
    if marks:
        connection.execute(
            insert(labels),
            [{"job_number": number, "key": k, "value": v} for k, v in marks.items()],
        )
    if submission.dataset_key is not None:
        datasets.refer(connection, submission.owner, submission.dataset_key, number)
    return job_of({**_UNTOUCHED, **values, "created_at": now.astimezone(UTC)})


def _values(submission: Submission, job_id: str, size: int, now: datetime) -> dict[str, Any]:
    request = dict(submission.request)
    return {
        "id": job_id,
        "owner": submission.owner,
        "state": JobState.QUEUED,
        "request": request,
        "definition": dict(submission.definition),
        "input_key": submission.input_key,
        "seed": request["seed"],
        "body_digest": submission.body_digest,
        "created_at": now,
        "event_count": 1,
        "rank": -request.get("priority", 0),
        "cpus": request.get("resources", {}).get("cpus", 1),
        "gpus": request.get("resources", {}).get("gpus", 0),
        "bytes": size,
    }


#: What a row that has just been inserted holds besides, so that it need not be read back.
_UNTOUCHED: Mapping[str, Any] = {
    "started_at": None,
    "finished_at": None,
    "attempts": 0,
    "progress": None,
    "error": None,
    "token": 0,
    "result_prefix": None,
    "plan": None,
    "cancel_requested": False,
    "draws_expired_at": None,
}


def _first(connection: Connection, submission: Submission, job_id: str) -> Job:
    """Return the job that was sent with the same key, if its body was the same."""
    query = select(jobs).where(jobs.c.owner == submission.owner, jobs.c.id == job_id)
    row = connection.execute(query).mappings().one()
    if row["body_digest"] != submission.body_digest:
        raise IdempotencyConflictError
    return job_of(row)


def get(connection: Connection, owner: str | None, job_id: str, *, hold: bool = False) -> Job:
    """Return one job; `owner` None sees all, and `hold` keeps others from changing it meanwhile.

    Raises:
        JobNotFoundError: the owner has no such job.
    """
    query = _BY_ID.with_for_update() if hold else _BY_ID
    row = connection.execute(query, {"wanted": job_id}).mappings().first()
    if row is None or owner not in (None, row["owner"]):
        raise JobNotFoundError(f"there is no job {job_id!r}")
    return job_of(row)


def find(connection: Connection, job_ids: Collection[str]) -> dict[str, Job]:
    """Return the jobs among these ids that there are, by id, whoever owns them."""
    rows = connection.execute(select(jobs).where(jobs.c.id.in_(job_ids))).mappings()
    return {row["id"]: job_of(row) for row in rows}


def page(
    connection: Connection,
    owner: str | None,
    state: JobState | None,
    label: str | None,
    size: int,
    token: str | None,
) -> Page[Job]:
    """Return one page of jobs, newest first, of one state and with one `key=value` label."""
    query = _owned(owner)
    if state is not None:
        query = query.where(jobs.c.state == state)
    if label is not None:
        key, _, value = label.partition("=")
        marked = select(labels.c.job_number).where(labels.c.key == key, labels.c.value == value)
        query = query.where(jobs.c.number.in_(marked))
    rows, following = read_page(connection, query, jobs.c.number, size, token)
    return [job_of(row) for row in rows], following


def _owned(owner: str | None) -> Select[Any]:
    return select(jobs) if owner is None else select(jobs).where(jobs.c.owner == owner)


def cancel(connection: Connection, owner: str | None, job_id: str, now: datetime) -> Job:
    """End a queued job at once and ask a running one to stop; an ended one stays as it is.

    Raises:
        JobNotFoundError: the owner has no such job.
    """
    # Held until the end: else a job that changes hands in between would be missed by both updates.
    get(connection, owner, job_id, hold=True)
    end = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == JobState.QUEUED)
        .values(
            state=JobState.CANCELLED,
            cancel_requested=True,
            finished_at=now,
            event_count=jobs.c.event_count + 1,
        )
        .returning(jobs.c.event_count)
    )
    last = connection.execute(end).scalar()
    if last is not None:
        events.write(connection, job_id, last, [state_event(JobState.CANCELLED)], now)
    else:
        ask = update(jobs).where(jobs.c.id == job_id, jobs.c.state == JobState.RUNNING)
        connection.execute(ask.values(cancel_requested=True))
    return get(connection, owner, job_id)


def remove(connection: Connection, owner: str | None, job_id: str) -> Job:
    """Delete an ended job with its events and labels; return what it was.

    Raises:
        JobNotFoundError: the owner has no such job.
        JobActiveError: it has not ended.
    """
    job = get(connection, owner, job_id)
    if not job.state.terminal:
        raise JobActiveError
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    return job


def unweighed(connection: Connection, owner: str, most: int) -> list[str]:
    """Return ended jobs of the owner whose artifacts nobody has weighed yet, the oldest first."""
    ended = tuple(state for state in JobState if state.terminal)
    query = select(jobs.c.id).where(
        jobs.c.owner == owner, jobs.c.state.in_(ended), jobs.c.weighed.is_(False)
    )
    return list(connection.execute(query.order_by(jobs.c.number).limit(most)).scalars())


def weigh(connection: Connection, owner: str, sizes: Mapping[str, int]) -> None:
    """Note what ended jobs take, in place of what they might have taken."""
    for job_id, size in sizes.items():
        statement = update(jobs).where(jobs.c.id == job_id, jobs.c.owner == owner)
        connection.execute(statement.values(bytes=size, weighed=True))


def state_event(state: JobState, **more: Any) -> events.NewEvent:
    """Return the event that tells a change of state."""
    return "state", {"state": str(state), **more}


def job_of(row: RowMapping | Mapping[str, Any]) -> Job:
    """Read a job from its row."""
    request = row["request"]
    return Job(
        id=row["id"],
        state=row["state"],
        engine=request["engine"],
        seed=row["seed"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        attempts=row["attempts"],
        progress=row["progress"],
        error=row["error"],
        labels=request.get("labels", {}),
        origin=request.get("origin"),
        owner=row["owner"],
        request=request,
        definition=row["definition"],
        input_key=row["input_key"],
        token=row["token"],
        result_prefix=row["result_prefix"],
        plan=row["plan"],
        cancel_requested=row["cancel_requested"],
        draws_expired_at=row["draws_expired_at"],
        event_count=row["event_count"],
    )
