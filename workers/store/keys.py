"""API keys as rows: their digests, whose they are and what they may do. A key itself is nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from workers.store.errors import KeyNotFoundError
from workers.store.schema import keys


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A key as the store knows it."""

    #: Public: the part of the key by which it is found.
    id: str
    #: Whose jobs, models and data sets it sees.
    owner: str
    #: Argon2 of the whole key.
    digest: str
    scopes: tuple[str, ...]
    #: What it is for, in its maker's words.
    note: str = ""
    #: What differs from the service's quotas, by name; None for no limit.
    quotas: Mapping[str, float | None]
    created_at: datetime
    revoked_at: datetime | None = None


def put(connection: Connection, key: StoredKey) -> None:
    """Store a new key."""
    connection.execute(
        insert(keys).values(
            id=key.id,
            owner=key.owner,
            digest=key.digest,
            scopes=" ".join(key.scopes),
            note=key.note,
            quotas=dict(key.quotas),
            created_at=key.created_at,
        )
    )


def find(connection: Connection, key_id: str) -> StoredKey | None:
    """Return the key with this id, also a revoked one; None where there is none."""
    row = connection.execute(select(keys).where(keys.c.id == key_id)).mappings().first()
    return None if row is None else _key(row)


def every(connection: Connection) -> list[StoredKey]:
    """Return all keys, the oldest first."""
    query = select(keys).order_by(keys.c.created_at, keys.c.id)
    return [_key(row) for row in connection.execute(query).mappings()]


def revoke(connection: Connection, key_id: str, now: datetime) -> StoredKey:
    """End a key for good; the first end stands.

    Raises:
        KeyNotFoundError: there is no such key.
    """
    end = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
    connection.execute(end.values(revoked_at=now))
    found = find(connection, key_id)
    if found is None:
        raise KeyNotFoundError(f"there is no key {key_id[:64]!r}")
    return found


def usable(connection: Connection) -> bool:
    """Return whether there is a key that has not been revoked."""
    query = select(keys.c.id).where(keys.c.revoked_at.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def _key(row: RowMapping) -> StoredKey:
    return StoredKey(
        id=row["id"],
        owner=row["owner"],
        digest=row["digest"],
        scopes=tuple(row["scopes"].split()),
        note=row["note"],
        quotas=row["quotas"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
