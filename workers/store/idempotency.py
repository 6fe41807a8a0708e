"""Idempotency keys: which job a caller's key made, until the key expires or the job is deleted."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, or_, select

from workers.store.connection import insert
from workers.store.schema import idempotency_keys as keys

#: How long a key stands for the job that it made.
LIFETIME = timedelta(days=1)
#: Expired keys that are forgotten when a new one comes.
_FORGOTTEN = 20


def take(connection: Connection, owner: str, key: str, job_id: str, now: datetime) -> str | None:
    """Let the key stand for a new job, unless it stands for one.

    Two requests with one key may meet here: the second waits for the first.

    Args:
        connection: of the transaction that stores the new job.
        owner: whose key; keys of different owners are different.
        key: the key.
        job_id: of the new job.
        now: the present moment.

    Returns:
        The job for which the key stands already; None if it stands for the new one now.
    """
    values = {"job_id": job_id, "expires_at": now + LIFETIME}
    statement = insert(connection, keys).values(owner=owner, key=key, **values)
    taken = statement.on_conflict_do_update(
        index_elements=["owner", "key"], set_=values, where=keys.c.expires_at <= now
    )
    if connection.execute(taken.returning(keys.c.key)).first() is not None:
        _forget(connection, now)
        return None
    query = select(keys.c.job_id).where(keys.c.owner == owner, keys.c.key == key)
    first: str = connection.execute(query).scalar_one()
    return first


def stands(connection: Connection, owner: str, key: str, now: datetime) -> bool:
    """Return whether the key stands for a job."""
    query = select(keys.c.job_id).where(
        keys.c.owner == owner, keys.c.key == key, keys.c.expires_at > now
    )
    return connection.execute(query).first() is not None


def _forget(connection: Connection, now: datetime) -> None:
    """Delete some expired keys, so that the table does not grow for ever."""
    expired = (
        select(keys.c.owner, keys.c.key)
        .where(keys.c.expires_at <= now)
        .limit(_FORGOTTEN)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(expired).all()
    if rows:
        these = (and_(keys.c.owner == row.owner, keys.c.key == row.key) for row in rows)
        connection.execute(delete(keys).where(or_(*these)))
