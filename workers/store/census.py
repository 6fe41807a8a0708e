"""The census: what the store holds at a moment, for whoever watches the service."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from workers.jobs import JobState
from workers.store.presence import Presence, present
from workers.store.schema import datasets, jobs, models


@dataclass(frozen=True, kw_only=True)
class Census:
    """How much there is."""

    #: Jobs that wait, and that run.
    queued: int
    running: int
    #: Seconds that the oldest queued job has waited; 0 where none waits.
    oldest_seconds: float
    #: Bytes of `jobs`, `datasets` and `models`, as quotas count them.
    stored: dict[str, int]
    presence: Presence


def take(connection: Connection, since: datetime, now: datetime) -> Census:
    """Count.

    Args:
        connection: of a transaction.
        since: dispatchers that have spoken since then count.
        now: the present moment.
    """
    active = (JobState.QUEUED, JobState.RUNNING)
    # One after the other: each is answered from the index of state and number.
    counts = {
        state: connection.execute(
            select(func.count()).select_from(jobs).where(jobs.c.state == state)
        ).scalar_one()
        for state in active
    }
    oldest = connection.execute(
        select(jobs.c.created_at)
        .where(jobs.c.state == JobState.QUEUED)
        .order_by(jobs.c.number)
        .limit(1)
    ).scalar()
    stored = {
        table.name: int(connection.execute(_bytes(table)).scalar_one())
        for table in (jobs, datasets, models)
    }
    return Census(
        queued=counts[JobState.QUEUED],
        running=counts[JobState.RUNNING],
        oldest_seconds=0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0),
        stored=stored,
        presence=present(connection, since),
    )


def _bytes(table: Table) -> Select[Any]:
    return select(func.coalesce(func.sum(table.c.bytes), 0))
