"""The audit log: who did what, written in the transaction that did it; never changed after.


The database refuses to change it, by triggers. Only `expire` sets these aside, for the transaction
in which it deletes what is older than the policy keeps, and it writes down that it did.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text

from workers.store.pages import Page, read_page
from workers.store.schema import audit

#: The action was carried out.
DONE = "done"
#: It had been before, and nothing has changed.
KNOWN = "known"
#: Who acts where nobody asked: the service itself.
SERVICE = "credence"

#: As the revision 0005 made it.
_SQLITE_TRIGGER = (
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
)


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


def expired(connection: Connection, before: datetime) -> int:
    """Count the entries from before a moment."""
    query = select(func.count()).select_from(audit).where(audit.c.at < before)
    return int(connection.execute(query).scalar_one())


def expire(connection: Connection, before: datetime, now: datetime) -> int:
    """Delete the entries from before a moment; return how many there were."""
    count = expired(connection, before)
    if count:
        with _unlocked(connection):
            connection.execute(delete(audit).where(audit.c.at < before))
        write(connection, now, SERVICE, None, "expire_audit", f"{count} entries")
    return count


@contextmanager
def _unlocked(connection: Connection) -> Iterator[None]:
    """Let entries be deleted; if the block fails, so does the transaction that this is part of."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        yield
        connection.execute(text(_SQLITE_TRIGGER))
        return
    connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_append_only"))
    yield
    connection.execute(text("ALTER TABLE audit ENABLE TRIGGER audit_append_only"))
