"""Owner rows: whose turn it is, how much may run at once, and the CPU time of the day.

CPU time is the time that a worker holds a job times the CPUs that the job asked for, whatever came
of it. It is charged when an attempt ends, in the transaction that ends it, to the UTC day of that
moment; what an attempt used before that midnight is not charged again.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, case, select, update

from workers.jobs import JobState
from workers.store.connection import insert
from workers.store.schema import jobs, owners


def enrol(connection: Connection, owner: str, running_limit: int | None) -> None:
    """Make sure that the owner has a row, and that it says how many jobs may run at once."""
    query = select(owners.c.running_limit).where(owners.c.owner == owner)
    row = connection.execute(query).first()
    if row is not None and row.running_limit == running_limit:
        return
    statement = insert(connection, owners).values(owner=owner, running_limit=running_limit)
    changed = {"running_limit": running_limit}
    connection.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=changed))


def lock(connection: Connection, owner: str) -> None:
    """Let this transaction alone count what the owner has; SQLite's writers are alone already."""
    connection.execute(select(owners.c.owner).where(owners.c.owner == owner).with_for_update())


def charge(
    connection: Connection, owner: str, cpus: int, since: datetime | None, now: datetime
) -> None:
    """Add an attempt that ends to the owner's CPU time of the day."""
    if since is None:
        return
    day, seconds = _day(now), _spent(cpus, since, now)
    so_far = case((owners.c.cpu_day == day, owners.c.cpu_seconds), else_=0.0)
    statement = update(owners).where(owners.c.owner == owner)
    connection.execute(statement.values(cpu_seconds=so_far + seconds, cpu_day=day))


def cpu_seconds(connection: Connection, owner: str, now: datetime) -> float:
    """Return the CPU time of the owner's jobs since midnight, those that run included."""
    row = connection.execute(
        select(owners.c.cpu_day, owners.c.cpu_seconds).where(owners.c.owner == owner)
    ).first()
    ended = row.cpu_seconds if row is not None and row.cpu_day == _day(now) else 0.0
    running = select(jobs.c.cpus, jobs.c.claimed_at).where(
        jobs.c.owner == owner, jobs.c.state == JobState.RUNNING, jobs.c.claimed_at.is_not(None)
    )
    under_way = (_spent(job.cpus, job.claimed_at, now) for job in connection.execute(running))
    return ended + sum(under_way)


def until_midnight(now: datetime) -> float:
    """Return the seconds until the day ends."""
    return (_midnight(now) + timedelta(days=1) - now).total_seconds()


def _spent(cpus: int, since: datetime, now: datetime) -> float:
    return max(0.0, (now - max(since, _midnight(now))).total_seconds()) * cpus


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
