"""The database of the service that this machine runs, for commands that ask no gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.serve import absolute_database

if TYPE_CHECKING:
    from workers.store.accounts import Accounts

Home = Annotated[
    Path | None, typer.Option(help="Folder of the service; CREDENCE_HOME or ~/.credence if absent.")
]
Database = Annotated[
    str | None,
    typer.Option(help="SQLAlchemy URL; CREDENCE_DATABASE or SQLite in the home if absent."),
]


@contextmanager
def accounts(home: Path | None, database: str | None) -> Iterator["Accounts"]:
    """Open the database that a service with the same options uses.

    Raises:
        StoreError: it cannot be opened.
    """
    # Only now: no other command needs SQLAlchemy, which takes a while to import.
    from workers.settings import Settings
    from workers.store.store import create_store

    given: dict[str, Any] = {"home": home, "database": database and absolute_database(database)}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    settings.make_home()
    store = create_store(settings.database_url)
    try:
        yield store.accounts
    finally:
        store.close()
