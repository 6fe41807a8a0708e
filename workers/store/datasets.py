"""Data set rows: what each holds and where, and which jobs refer to it.

A job refers to its data set by a row in `dataset_uses`, written in the transaction that queues the
job. A data set is deleted only while no unfinished job refers to it, looked up in the transaction
that deletes it; on PostgreSQL both lock the data set's row first, so that one waits for the other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select
from sqlalchemy import insert as plain_insert

from workers.jobs import JobState
from workers.store.connection import insert
from workers.store.errors import DatasetInUseError, DatasetNotFoundError
from workers.store.pages import Page, read_page
from workers.store.quotas import UNLIMITED, Quotas, check_bytes
from workers.store.schema import dataset_uses, datasets, jobs

_UNFINISHED = tuple(state for state in JobState if not state.terminal)


@dataclass(frozen=True, kw_only=True)
class StoredDataset:
    """A data set as the store knows it."""

    #: The digest of its content and its owner.
    id: str
    owner: str
    #: Of its file in the artifact store; another one each time that it is posted anew.
    key: str
    #: `{name, dtype, shape, levels}` of each, as posted.
    columns: Sequence[dict[str, Any]]
    #: In memory.
    bytes: int
    created_at: datetime


def dataset_id(owner: str, digest: str) -> str:
    """Return the id of an owner's data set.

    Args:
        owner: whose it is.
        digest: of its content, `workers.columns.digest`.
    """
    return hashlib.sha256(f"{len(owner)}:{owner}{digest}".encode()).hexdigest()


def put(
    connection: Connection, dataset: StoredDataset, quotas: Quotas = UNLIMITED
) -> tuple[StoredDataset, bool]:
    """Store a row unless it is there; return what is there and whether it is new.

    Raises:
        QuotaExceededError: the owner has no room for it.
    """
    statement = insert(connection, datasets).values(
        owner=dataset.owner,
        id=dataset.id,
        key=dataset.key,
        columns=list(dataset.columns),
        bytes=dataset.bytes,
        created_at=dataset.created_at,
    )
    statement = statement.on_conflict_do_nothing(index_elements=["owner", "id"])
    new = connection.execute(statement.returning(datasets.c.number)).first() is not None
    if new:
        check_bytes(connection, dataset.owner, quotas, dataset.bytes, stored=True)
    return get(connection, dataset.owner, dataset.id), new


def get(connection: Connection, owner: str, identity: str) -> StoredDataset:
    """Return one data set.

    Raises:
        DatasetNotFoundError: the owner has no such data set.
    """
    query = select(datasets).where(datasets.c.owner == owner, datasets.c.id == identity)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise DatasetNotFoundError(f"there is no data set {identity[:128]!r}")
    return _dataset(row)


def page(connection: Connection, owner: str, size: int, token: str | None) -> Page[StoredDataset]:
    """Return one page of the owner's data sets, newest first."""
    query = select(datasets).where(datasets.c.owner == owner)
    rows, following = read_page(connection, query, datasets.c.number, size, token)
    return [_dataset(row) for row in rows], following


def refer(connection: Connection, owner: str, key: str, job_number: int) -> None:
    """Note that a job needs the data set with this key.

    Raises:
        DatasetNotFoundError: it has been deleted.
    """
    query = select(datasets.c.number).where(datasets.c.owner == owner, datasets.c.key == key)
    number = connection.execute(query.with_for_update(read=True, key_share=True)).scalar()
    if number is None:
        raise DatasetNotFoundError("the data set has been deleted; post it again")
    use = {"job_number": job_number, "dataset_number": number}
    connection.execute(plain_insert(dataset_uses), [use])


def remove(connection: Connection, owner: str, identity: str) -> str:
    """Delete a data set that no unfinished job needs; return the key of its file.

    Raises:
        DatasetNotFoundError: the owner has no such data set.
        DatasetInUseError: jobs that have not ended need it.
    """
    query = select(datasets).where(datasets.c.owner == owner, datasets.c.id == identity)
    row = connection.execute(query.with_for_update()).mappings().first()
    if row is None:
        raise DatasetNotFoundError(f"there is no data set {identity[:128]!r}")
    # A statement of its own: it sees a job that was queued while the lock was waited for.
    needing = (
        select(jobs.c.id)
        .join(dataset_uses, dataset_uses.c.job_number == jobs.c.number)
        .where(dataset_uses.c.dataset_number == row["number"], jobs.c.state.in_(_UNFINISHED))
        .order_by(jobs.c.number)
    )
    found = connection.execute(needing).scalars().all()
    if found:
        raise DatasetInUseError(found)
    connection.execute(delete(datasets).where(datasets.c.number == row["number"]))
    key: str = row["key"]
    return key


def _dataset(row: RowMapping) -> StoredDataset:
    return StoredDataset(
        id=row["id"],
        owner=row["owner"],
        key=row["key"],
        columns=row["columns"],
        bytes=row["bytes"],
        created_at=row["created_at"],
    )
