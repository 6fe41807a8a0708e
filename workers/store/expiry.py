"""What the policy lets expire, and what became of the jobs whose artifacts are found.

A job that others, not yet ended, go on from is not touched, and neither are its draws.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from workers.jobs import JobState
from workers.store import audit
from workers.store.schema import dataset_uses, datasets, idempotency_keys, jobs, models

_ENDED = tuple(state for state in JobState if state.terminal)
_UNENDED = tuple(state for state in JobState if not state.terminal)
#: Rows that are asked for by name at a time, and of those that are read one after another.
CHUNK, PAGE = 500, 10_000


@dataclass(frozen=True)
class Fate:
    """What became of a job."""

    #: None while it has not ended.
    ended_at: datetime | None
    #: The prefix of the artifacts that stay.
    kept: str
    #: Whether its result stays, too.
    published: bool


@dataclass(frozen=True)
class Unused:
    """A model or a data set that no job refers to."""

    number: int
    owner: str
    id: str
    bytes: int


def due_jobs(connection: Connection, before: datetime) -> list[str]:
    """Return the jobs that ended before a moment, the oldest first."""
    query = select(jobs.c.id).where(*_due(before)).order_by(jobs.c.number)
    return list(connection.execute(query).scalars())


def expire_jobs(
    connection: Connection, ids: Sequence[str], before: datetime, now: datetime
) -> list[str]:
    """Delete some of the jobs that are due; return those that still were."""
    gone = delete(jobs).where(jobs.c.id.in_(ids), *_due(before))
    rows = connection.execute(gone.returning(jobs.c.id, jobs.c.owner)).all()
    for row in rows:
        audit.write(connection, now, row.owner, None, "expire_job", row.id)
    return [row.id for row in rows]


def due_draws(connection: Connection, before: datetime) -> list[tuple[str, str]]:
    """Return ids and prefixes of the jobs whose draws are due, the oldest first."""
    query = select(jobs.c.id, jobs.c.result_prefix).where(
        *_due(before), jobs.c.result_prefix.is_not(None), jobs.c.draws_expired_at.is_(None)
    )
    return [
        (row.id, row.result_prefix) for row in connection.execute(query.order_by(jobs.c.number))
    ]


def mark_draws(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Note that the draws of some jobs are gone; the quota weighs these anew."""
    statement = update(jobs).where(jobs.c.id.in_(ids))
    connection.execute(statement.values(draws_expired_at=now, weighed=False))


def unused_models(connection: Connection, before: datetime) -> list[Unused]:
    """Return the models from before a moment that no job names."""
    name = jobs.c.request[("model", "id")].as_string()
    named = select(jobs.c.owner, name).where(name.is_not(None)).distinct()
    used = {(owner, identity) for owner, identity in connection.execute(named)}
    query = select(models.c.number, models.c.owner, models.c.id, models.c.bytes)
    found = connection.execute(query.where(models.c.created_at < before).order_by(models.c.number))
    return [Unused(*row) for row in found if (row.owner, row.id) not in used]


def expire_model(connection: Connection, model: Unused, now: datetime) -> None:
    """Delete a model; jobs have definitions of their own, so one that comes now loses nothing."""
    connection.execute(delete(models).where(models.c.number == model.number))
    audit.write(connection, now, model.owner, None, "expire_model", model.id)


def unused_datasets(connection: Connection, before: datetime) -> list[Unused]:
    """Return the data sets from before a moment that no job refers to."""
    used = select(dataset_uses.c.dataset_number)
    query = (
        select(datasets.c.number, datasets.c.owner, datasets.c.id, datasets.c.bytes)
        .where(datasets.c.created_at < before, datasets.c.number.not_in(used))
        .order_by(datasets.c.number)
    )
    return [Unused(*row) for row in connection.execute(query)]


def expire_dataset(connection: Connection, dataset: Unused, now: datetime) -> str | None:
    """Delete a data set unless a job has come to refer to it; return the key of its file."""
    locked = select(datasets.c.key).where(datasets.c.number == dataset.number).with_for_update()
    key: str | None = connection.execute(locked).scalar()
    # A statement of its own: it sees a job that was queued while the lock was waited for.
    used = select(dataset_uses.c.job_number).where(dataset_uses.c.dataset_number == dataset.number)
    if key is None or connection.execute(used.limit(1)).first() is not None:
        return None
    connection.execute(delete(datasets).where(datasets.c.number == dataset.number))
    audit.write(connection, now, dataset.owner, None, "expire_dataset", dataset.id)
    return key


def expired_keys(connection: Connection, now: datetime) -> int:
    """Count the idempotency keys whose time is over."""
    query = select(func.count()).select_from(idempotency_keys)
    return int(connection.execute(query.where(idempotency_keys.c.expires_at <= now)).scalar_one())


def forget_keys(connection: Connection, now: datetime) -> int:
    """Delete them."""
    gone = connection.execute(delete(idempotency_keys).where(idempotency_keys.c.expires_at <= now))
    return int(gone.rowcount)


def fates(connection: Connection, ids: Sequence[str]) -> dict[str, Fate]:
    """Return what became of some jobs; those that there are not are left out."""
    columns = (jobs.c.id, jobs.c.state, jobs.c.finished_at, jobs.c.result_prefix, jobs.c.token)
    found: dict[str, Fate] = {}
    for first in range(0, len(ids), CHUNK):
        query = select(*columns).where(jobs.c.id.in_(ids[first : first + CHUNK]))
        for row in connection.execute(query):
            ended = row.finished_at if JobState(row.state).terminal else None
            kept = row.result_prefix or f"jobs/{row.id}/{row.token}"
            found[row.id] = Fate(ended, kept, row.result_prefix is not None)
    return found


def unknown_inputs(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return which of these keys no job has as its input."""
    return _without(connection, jobs.c.number, jobs.c.input_key, keys)


def unknown_files(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return which of these keys no data set has as its file."""
    return _without(connection, datasets.c.number, datasets.c.key, keys)


def _without(
    connection: Connection,
    number: ColumnElement[int],
    column: ColumnElement[str],
    keys: Collection[str],
) -> set[str]:
    """Return the keys that stand nowhere in a column, whose rows are read once, page by page."""
    left, last = set(keys), 0
    query = select(number, column).order_by(number).limit(PAGE)
    while left:
        rows = connection.execute(query.where(number > last)).all()
        left.difference_update(known for _, known in rows)
        if len(rows) < PAGE:
            break
        last = rows[-1][0]
    return left


def _due(before: datetime) -> tuple[ColumnElement[bool], ...]:
    others = jobs.alias("others")
    origin = others.c.request[("origin", "job")].as_string()
    needed = select(origin).where(others.c.state.in_(_UNENDED), origin.is_not(None))
    return (
        jobs.c.state.in_(_ENDED),
        jobs.c.finished_at < before,
        jobs.c.id.not_in(needed),
    )
