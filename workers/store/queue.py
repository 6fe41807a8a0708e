"""The queue's order: owners take turns, and within one the higher priority, then the older job."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from workers.jobs import JobState
from workers.store.schema import jobs, owners

#: Any number that no other lock of our database has (see `migrate`).
LOCK = 0x434C4149


def next_job(connection: Connection, gpus: Collection[int] = (0,)) -> int | None:
    """Return the number of the job whose turn it is, its row locked; None where none may start.

    The owner's turn is over with it: who was served longest ago is next. An owner whose running
    jobs are as many as its limit is passed over, and so are jobs that need another worker.

    Args:
        connection: of the transaction that starts the job.
        gpus: how many GPUs the workers have that are free, in any order.
    """
    if connection.dialect.name == "postgresql":
        # One claim at a time, or two would both see the same owner below its limit.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    fitting = {"gpus": list(gpus)}
    for owner in connection.execute(_CANDIDATES, fitting).scalars().all():
        number: int | None = connection.execute(_FIRST, {"whose": owner, **fitting}).scalar()
        if number is not None:
            connection.execute(_SERVED, {"whose": owner})
            return number
    return None


def _candidates() -> Select[Any]:
    """Select the owners with jobs to start, who was served longest ago first."""
    own = jobs.c.owner == owners.c.owner
    queued = select(jobs.c.number).where(own, jobs.c.state == JobState.QUEUED, _fits())
    waiting = queued.exists()
    running = select(func.count()).where(own, jobs.c.state == JobState.RUNNING).scalar_subquery()
    room = or_(owners.c.running_limit.is_(None), running < owners.c.running_limit)
    return select(owners.c.owner).where(waiting, room).order_by(owners.c.served, owners.c.owner)


def _first() -> Select[Any]:
    """Select the job whose turn it is among an owner's."""
    # PostgreSQL: a row that somebody is cancelling is passed over.
    return (
        select(jobs.c.number)
        .where(jobs.c.owner == bindparam("whose"), jobs.c.state == JobState.QUEUED, _fits())
        .order_by(jobs.c.rank, jobs.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _fits() -> ColumnElement[bool]:
    return jobs.c.gpus.in_(bindparam("gpus", expanding=True))


def _served() -> Update:
    """End an owner's turn."""
    latest = select(func.max(owners.c.served)).scalar_subquery()
    ended = update(owners).where(owners.c.owner == bindparam("whose"))
    return ended.values(served=latest + 1)


#: Made once: putting a statement together takes longer than many a database to carry it out.
_CANDIDATES, _FIRST, _SERVED = _candidates(), _first(), _served()
