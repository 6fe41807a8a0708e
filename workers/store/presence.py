"""Presence: which dispatchers are at work, how many warm workers they have, and their troubles.

The gateway holds no handle of the cluster; a dispatcher that speaks up every few seconds is how it
knows that a job would be taken.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from workers.store.schema import dispatchers


@dataclass(frozen=True)
class Presence:
    """The dispatchers that spoke lately."""

    dispatchers: int = 0
    #: Workers that could take a job at once, or have one in hand.
    warm: int = 0
    #: What keeps workers away, a sentence per dispatcher that knows of something.
    troubles: tuple[str, ...] = ()
    #: Workers that have a GPU, warm or to be soon.
    gpus: int = 0


def announce(
    connection: Connection, name: str, warm: int, trouble: str | None, gpus: int, now: datetime
) -> None:
    """Say that a dispatcher is at work with that many warm workers, and what keeps others away."""
    spoken = {"warm": warm, "gpus": gpus, "trouble": trouble, "seen_at": now}
    row = update(dispatchers).where(dispatchers.c.name == name).values(spoken)
    if connection.execute(row).rowcount == 0:
        connection.execute(insert(dispatchers).values(name=name, **spoken))


def withdraw(connection: Connection, name: str, before: datetime) -> None:
    """Forget a dispatcher that ends, and those that fell silent before a moment."""
    gone = (dispatchers.c.name == name) | (dispatchers.c.seen_at < before)
    connection.execute(delete(dispatchers).where(gone))


def present(connection: Connection, since: datetime) -> Presence:
    """Return what the dispatchers that have spoken since a moment said last."""
    words = (
        select(dispatchers.c.warm, dispatchers.c.gpus, dispatchers.c.trouble)
        .where(dispatchers.c.seen_at >= since)
        .order_by(dispatchers.c.name)
    )
    rows = connection.execute(words).all()
    troubles = tuple(row.trouble for row in rows if row.trouble is not None)
    warm, gpus = sum(row.warm for row in rows), sum(row.gpus for row in rows)
    return Presence(len(rows), warm, troubles, gpus)
