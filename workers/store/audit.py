"""The audit log: who did what, written in the transaction that did it; never changed after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from workers.store.pages import Page, read_page
from workers.store.schema import audit

#: The action was carried out.
DONE = "done"
#: It had been before, and nothing has changed.
KNOWN = "known"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that somebody did, or was refused."""

    #: Counts up; a transaction that was rolled back may leave a gap.
    number: int
    at: datetime
    #: With which key; None where no key was asked for.
    key_id: str | None
    owner: str
    #: Such as `submit_job`.
    action: str
    #: The id of what it was done to; None where there is none.
    object: str | None
    #: `done`, `known`, or the kind of the problem that it was refused with.
    outcome: str


def write(
    connection: Connection,
    now: datetime,
    owner: str,
    key_id: str | None,
    action: str,
    thing: str | None,
    outcome: str = DONE,
) -> None:
    """Append an entry."""
    write_all(connection, now, action, [(owner, key_id, thing, outcome)])


def write_all(
    connection: Connection,
    now: datetime,
    action: str,
    deeds: Sequence[tuple[str, str | None, str | None, str]],
) -> None:
    """Append entries of one action: owner, key, thing and outcome of each."""
    rows = [
        {
            "at": now,
            "key_id": key_id,
            "owner": owner,
            "action": action,
            "object": None if thing is None else thing[:256],
            "outcome": outcome,
        }
        for owner, key_id, thing, outcome in deeds
    ]
    connection.execute(insert(audit), rows)


def page(connection: Connection, owner: str | None, size: int, token: str | None) -> Page[Entry]:
    """Return one page of what an owner did, or all did, newest first."""
    query = select(audit)
    if owner is not None:
        query = query.where(audit.c.owner == owner)
    rows, following = read_page(connection, query, audit.c.number, size, token)
    return [Entry(**row) for row in rows], following
