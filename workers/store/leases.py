"""Leases: which worker holds which job, until when, and what happens when it falls silent.

Every claim adds one to the job's fencing token. All that a worker writes names its token in the
update's condition, so a worker that lost its lease, however late it wakes up, changes nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, func, or_, select, update

from workers.errors import PROBLEM
from workers.jobs import LONGEST_LEASE, Job, JobState
from workers.store import events, owners
from workers.store.jobs import job_of, state_event
from workers.store.queue import next_job
from workers.store.schema import jobs

#: A job whose workers were lost so often in a row, and had written no checkpoint, is failed, not
#: queued again. One that gets on is not: it ends, however often a node is taken from it.
MAX_ATTEMPTS = 3

#: Why an attempt ended of which nothing was heard any more.
SILENT = "its lease ran out: the dispatcher fell silent"


@dataclass(frozen=True)
class Claim:
    """A job that is ours while the lease lasts."""

    job: Job
    #: Names this claim; every write for the job repeats it.
    token: int
    #: Seconds for which earlier attempts have worked on the job.
    worked: float = 0.0


@dataclass(frozen=True)
class Beat:
    """The answer to a heartbeat."""

    #: Whether the job is still ours; if not, its work is to be dropped.
    alive: bool
    cancel_requested: bool = False


def claim(
    connection: Connection,
    worker: str,
    lease: timedelta,
    now: datetime,
    gpus: Collection[int] = (0,),
) -> Claim | None:
    """Take the queued job whose turn it is, or None where none may start."""
    number = next_job(connection, gpus)
    if number is None:
        return None
    statement = (
        update(jobs)
        .where(jobs.c.number == number, jobs.c.state == JobState.QUEUED)
        .values(
            state=JobState.RUNNING,
            token=jobs.c.token + 1,
            attempts=jobs.c.attempts + 1,
            worker=worker,
            lease_expires_at=now + lease,
            claimed_at=now,
            started_at=func.coalesce(jobs.c.started_at, now),
            event_count=jobs.c.event_count + 1,
        )
        .returning(jobs)
    )
    job = job_of(connection.execute(statement).mappings().one())
    running = state_event(JobState.RUNNING, attempt=job.attempts)
    events.write(connection, job.id, job.event_count, [running], now)
    worked = events.worked(connection, job.id) if job.token > 1 else 0.0
    return Claim(job, job.token, worked)


def heartbeat(
    connection: Connection, job_id: str, token: int, lease: timedelta, now: datetime
) -> Beat:
    """Prolong the lease."""
    statement = (
        update(jobs)
        .where(*events.held(job_id, token))
        .values(lease_expires_at=now + lease)
        .returning(jobs.c.cancel_requested)
    )
    cancel = connection.execute(statement).scalar()
    return Beat(False) if cancel is None else Beat(True, cancel)


def record_plan(connection: Connection, job_id: str, token: int, plan: Mapping[str, Any]) -> bool:
    """Put a plan in place of the one before; return False if the token no longer holds the job."""
    statement = update(jobs).where(*events.held(job_id, token)).values(plan=dict(plan))
    return connection.execute(statement.returning(jobs.c.id)).first() is not None


def publish(
    connection: Connection,
    job_id: str,
    token: int,
    state: JobState,
    result_prefix: str | None,
    error: dict[str, Any] | None,
    now: datetime,
) -> bool:
    """Give the job its one terminal state; return False if the token no longer holds it."""
    if not state.terminal:
        raise ValueError(f"a job does not end as {state}")
    statement = _ending(state, error, now).where(*events.held(job_id, token))
    return _settle(connection, statement.values(result_prefix=result_prefix), state, now)


def release(connection: Connection, job_id: str, token: int, now: datetime) -> bool:
    """Put a job back unharmed, as a dispatcher does that shuts down; the attempt is not counted.

    One that was to be cancelled is: in the queue it might wait long for its end.
    """
    held = select(jobs.c.cancel_requested).where(*events.held(job_id, token)).with_for_update()
    row = connection.execute(held).first()
    if row is None:
        return False
    state, statement = JobState.QUEUED, _requeueing()
    if row.cancel_requested:
        state, statement = JobState.CANCELLED, _ending(JobState.CANCELLED, None, now)
    statement = statement.where(*events.held(job_id, token))
    return _settle(connection, statement.values(attempts=jobs.c.attempts - 1), state, now)


def give_up(
    connection: Connection,
    job_id: str,
    token: int,
    cause: str,
    now: datetime,
    *,
    memory: bool = False,
) -> bool:
    """Take a job from a worker that is lost, and tell why; its fate is that of `requeue_expired`.

    Returns:
        Whether the token still held the job; nothing has changed if not.
    """
    lost = (
        select(jobs.c.attempts, jobs.c.cancel_requested)
        .where(*events.held(job_id, token))
        .with_for_update()
    )
    row = connection.execute(lost).first()
    if row is None:
        return False
    message = {"level": "warning", "message": f"attempt {token} was lost: {cause}"}
    events.append(connection, job_id, token, [("log", {**message, "attempt": token})], now)
    error = _out_of_memory(cause) if memory else _lease_lost(cause)
    state, statement = _fate(connection, job_id, row.attempts, row.cancel_requested, error, now)
    return _settle(connection, statement.where(*events.held(job_id, token)), state, now)


def requeue_expired(
    connection: Connection, now: datetime, spare: Collection[tuple[str, int]] = ()
) -> list[str]:
    """Take jobs from workers that fell silent; return their ids.

    They go back to the queue; to `cancelled` if that was asked for; to `failed` after
    `MAX_ATTEMPTS`.

    Args:
        connection: in a transaction.
        now: leases that ended before have run out, and those that end later than any that is given
            now.
        spare: jobs and tokens of whoever asks, who knows better.
    """
    latest = now + timedelta(seconds=LONGEST_LEASE)
    over = or_(jobs.c.lease_expires_at < now, jobs.c.lease_expires_at > latest)
    lost = (
        select(jobs.c.id, jobs.c.token, jobs.c.attempts, jobs.c.cancel_requested)
        .where(jobs.c.state == JobState.RUNNING, over)
        # Owners, whose rows are charged, in one order for all who do this at the same time.
        .order_by(jobs.c.owner, jobs.c.number)
        .with_for_update(skip_locked=True)
    )
    found = connection.execute(lost).all()
    rows = [row for row in found if (row.id, row.token) not in spare]
    for row in rows:
        error = _lease_lost(SILENT)
        state, statement = _fate(connection, row.id, row.attempts, row.cancel_requested, error, now)
        _settle(connection, statement.where(*events.held(row.id, row.token)), state, now)
    return [row.id for row in rows]


def _fate(
    connection: Connection,
    job_id: str,
    attempts: int,
    cancel_requested: bool,
    error: dict[str, Any],
    now: datetime,
) -> tuple[JobState, Update]:
    if cancel_requested:
        return JobState.CANCELLED, _ending(JobState.CANCELLED, None, now)
    if attempts >= MAX_ATTEMPTS and _is_fruitless(connection, job_id):
        return JobState.FAILED, _ending(JobState.FAILED, error, now)
    return JobState.QUEUED, _requeueing()


def _is_fruitless(connection: Connection, job_id: str) -> bool:
    return events.fruitless(connection, job_id, MAX_ATTEMPTS) >= MAX_ATTEMPTS


def _lease_lost(cause: str) -> dict[str, Any]:
    return {
        "type": PROBLEM + "lease-lost",
        "title": "The job's workers were lost",
        "detail": f"The worker that computed this job was lost {MAX_ATTEMPTS} times in a row "
        f"without a checkpoint, the last time because {cause}. The model may need more memory than "
        "a worker has; make the job smaller or submit it again.",
    }


def _out_of_memory(cause: str) -> dict[str, Any]:
    return {
        "type": PROBLEM + "out-of-memory",
        "title": "Out of memory",
        "detail": f"The worker that computed this job was lost {MAX_ATTEMPTS} times, the last time "
        f"because {cause}; use fewer chains, draws or particles, or less data.",
    }


def _ending(state: JobState, error: dict[str, Any] | None, now: datetime) -> Update:
    return update(jobs).values(state=state, error=error, finished_at=now, lease_expires_at=None)


def _requeueing() -> Update:
    return update(jobs).values(
        state=JobState.QUEUED, worker=None, lease_expires_at=None, progress=None
    )


def _settle(connection: Connection, statement: Update, state: JobState, now: datetime) -> bool:
    """End an attempt by the update of one row, with its event; return whether it met the row."""
    statement = statement.values(event_count=jobs.c.event_count + 1)
    shown = (jobs.c.id, jobs.c.event_count, jobs.c.owner, jobs.c.cpus, jobs.c.claimed_at)
    row = connection.execute(statement.returning(*shown)).first()
    if row is None:
        return False
    owners.charge(connection, row.owner, row.cpus, row.claimed_at, now)
    events.write(connection, row.id, row.event_count, [state_event(state)], now)
    return True
