"""Events: what happened to a job, as rows with ids 1, 2, 3, ... so that a stream can resume."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update

from workers.jobs import JobState, Progress
from workers.store.schema import events, jobs

#: Seconds between two events that count as work at the most: the clock may have jumped.
LONGEST_SILENCE = 300.0

#: Kind and payload of an event that has no id yet.
NewEvent: TypeAlias = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened to a job."""

    #: 1, 2, 3, ... within the job.
    id: int
    #: `state`, `progress`, `elbo`, `checkpoint` or `log`.
    kind: str
    payload: dict[str, Any]
    created_at: datetime


def append(
    connection: Connection,
    job_id: str,
    token: int,
    batch: Sequence[NewEvent],
    now: datetime,
) -> bool:
    """Append a worker's events and move the job's progress to the latest of them.

    The counter in the job's row is moved in the same transaction: the update locks the row, so
    that concurrent writers take turns and no id is left out.

    Returns:
        Whether the token still holds the job; nothing is written if not.
    """
    values: dict[str, Any] = {"event_count": jobs.c.event_count + len(batch)}
    points = [payload for kind, payload in batch if kind == "progress"]
    if points:
        values["progress"] = Progress.model_validate(points[-1]).model_dump()
    statement = (
        update(jobs).where(*held(job_id, token)).values(values).returning(jobs.c.event_count)
    )
    last = connection.execute(statement).scalar()
    if last is None:
        return False
    write(connection, job_id, last, batch, now)
    return True


def held(job_id: str, token: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which `token` still holds the job."""
    return (jobs.c.id == job_id, jobs.c.token == token, jobs.c.state == JobState.RUNNING)


def write(
    connection: Connection, job_id: str, last: int, batch: Sequence[NewEvent], now: datetime
) -> None:
    """Insert events whose ids end at `last`, to which the caller has moved the job's counter."""
    first = last - len(batch) + 1
    rows = [
        {"job_id": job_id, "id": number, "kind": kind, "payload": payload, "created_at": now}
        for number, (kind, payload) in enumerate(batch, start=first)
    ]
    if rows:
        connection.execute(insert(events), rows)


def write_first(
    connection: Connection, job_ids: Sequence[str], event: NewEvent, now: datetime
) -> None:
    """Insert the first event of each of some jobs, all alike."""
    kind, payload = event
    rows = [
        {"job_id": job_id, "id": 1, "kind": kind, "payload": payload, "created_at": now}
        for job_id in job_ids
    ]
    if rows:
        connection.execute(insert(events), rows)


def worked(connection: Connection, job_id: str) -> float:
    """Return the seconds for which attempts have worked on a job, as far as their events tell.

    What lies between an attempt's last event and the next attempt is no work: nobody may have been
    there to do it.
    """
    query = select(events.c.kind, events.c.created_at)
    query = query.where(events.c.job_id == job_id).order_by(events.c.id)
    seconds, states, since = 0.0, 0, None
    for kind, at in connection.execute(query):
        if kind == "state":
            states += 1
            # By turns: queued, running, queued, running.
            since = None if states % 2 else at
        elif since is not None:
            seconds += min(max((at - since).total_seconds(), 0.0), LONGEST_SILENCE)
            since = at
    return seconds


def fruitless(connection: Connection, job_id: str, most: int) -> int:
    """Return how many of a job's latest attempts in a row, up to `most`, wrote no checkpoint."""
    query = (
        select(events.c.kind, events.c.payload)
        .where(events.c.job_id == job_id, events.c.kind.in_(("state", "checkpoint")))
        .order_by(events.c.id.desc())
    )
    count = 0
    # Every attempt has a `running`, and between two there is one `queued`.
    for kind, payload in connection.execute(query.limit(2 * most)):
        if kind == "checkpoint":
            break
        count += payload["state"] == JobState.RUNNING
    return count


def read(
    connection: Connection, owner: str | None, job_id: str, after: int, limit: int
) -> list[Event]:
    """Return the job's events with ids above `after`, oldest first; `owner` None sees all."""
    wanted = {"of_job": job_id, "after": after, "most": limit}
    if owner is None:
        rows = connection.execute(_ALL, wanted)
    else:
        rows = connection.execute(_OWNED, {**wanted, "whose": owner})
    return [
        Event(
            id=row["id"],
            kind=row["kind"],
            payload=row["payload"],
            created_at=row["created_at"],
        )
        for row in rows.mappings()
    ]


def _following() -> Select[Any]:
    following = select(events).where(
        events.c.job_id == bindparam("of_job"), events.c.id > bindparam("after")
    )
    return following.order_by(events.c.id).limit(bindparam("most"))


def _owned(query: Select[Any]) -> Select[Any]:
    joined = query.join(jobs, jobs.c.id == events.c.job_id)
    return joined.where(jobs.c.owner == bindparam("whose"))


#: Made once: putting them together takes longer than carrying them out, and streams read often.
_ALL = _following()
_OWNED = _owned(_ALL)
