"""Model rows: definitions under their digest, one per owner and definition."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from models.definition import model_id, parse_definition
from workers.store.connection import dump_json, insert
from workers.store.errors import ModelNotFoundError
from workers.store.pages import Page, read_page
from workers.store.quotas import UNLIMITED, Quotas, check_bytes
from workers.store.schema import models


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A model as the store knows it."""

    #: The digest of the canonical definition and the owner.
    id: str
    owner: str
    definition: dict[str, Any]
    created_at: datetime


def put(
    connection: Connection,
    owner: str,
    definition: Mapping[str, Any],
    now: datetime,
    quotas: Quotas = UNLIMITED,
) -> tuple[str, bool]:
    """Store the definition unless it is there; return its id and whether it was new.

    Raises:
        DefinitionError: it is no definition.
        QuotaExceededError: the owner has no room for it.
    """
    identity = model_id(parse_definition(definition), owner)
    size = len(dump_json(definition))
    statement = insert(connection, models).values(
        owner=owner, id=identity, definition=dict(definition), created_at=now, bytes=size
    )
    statement = statement.on_conflict_do_nothing(index_elements=["owner", "id"])
    new = connection.execute(statement.returning(models.c.number)).first() is not None
    if new:
        check_bytes(connection, owner, quotas, size, stored=True)
    return identity, new


def get(connection: Connection, owner: str, identity: str) -> StoredModel:
    """Return one model.

    Raises:
        ModelNotFoundError: the owner has no such model.
    """
    query = select(models).where(models.c.owner == owner, models.c.id == identity)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise ModelNotFoundError(f"there is no model {identity!r}")
    return _model(row)


def page(connection: Connection, owner: str, size: int, token: str | None) -> Page[StoredModel]:
    """Return one page of the owner's models, newest first."""
    query = select(models).where(models.c.owner == owner)
    rows, following = read_page(connection, query, models.c.number, size, token)
    return [_model(row) for row in rows], following


def _model(row: RowMapping) -> StoredModel:
    return StoredModel(
        id=row["id"],
        owner=row["owner"],
        definition=row["definition"],
        created_at=row["created_at"],
    )
