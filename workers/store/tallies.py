"""Tallies: what all dispatchers have counted so far, added up in the database."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from workers.measures import Key
from workers.store.connection import insert
from workers.store.schema import measures


def add(connection: Connection, counts: Mapping[Key, float]) -> None:
    """Add a process's counts."""
    # In one order for all who do this at the same time: each row is locked.
    rows = [
        {"name": name, "labels": labels, "part": part, "value": value}
        for (name, labels, part), value in sorted(counts.items())
    ]
    if not rows:
        return
    statement = insert(connection, measures)
    added = statement.on_conflict_do_update(
        index_elements=["name", "labels", "part"],
        set_={"value": measures.c.value + statement.excluded.value},
    )
    connection.execute(added, rows)


def read(connection: Connection) -> dict[Key, float]:
    """Return the counts of all."""
    return {
        (row.name, row.labels, row.part): row.value
        for row in connection.execute(select(measures)).all()
    }
