"""What the service of this machine keeps, for commands that ask no gateway: rows and artifacts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.serve import absolute_artifacts, absolute_database
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.store.accounts import Accounts
    from workers.store.artifacts import Artifacts
    from workers.store.store import Store

Home = Annotated[
    Path | None, typer.Option(help="Folder of the service; CREDENCE_HOME or ~/.credence if absent.")
]
Database = Annotated[
    str | None,
    typer.Option(help="SQLAlchemy URL; CREDENCE_DATABASE or SQLite in the home if absent."),
]
ArtifactStore = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        help="URL of inputs, draws and results; CREDENCE_ARTIFACTS or a folder of the home.",
    ),
]


@dataclass(frozen=True)
class House:
    """What a service keeps."""

    settings: Settings
    store: "Store"
    artifacts: "Artifacts"


@contextmanager
def house(home: Path | None, database: str | None, artifacts: str | None = None) -> Iterator[House]:
    """Open what a service with the same options keeps.

    Raises:
        StoreError: it cannot be opened.
    """
    # Only now: no other command needs SQLAlchemy, which takes a while to import.
    from workers.store.artifacts import Artifacts
    from workers.store.store import create_store

    given: dict[str, Any] = {
        "home": home,
        "database": database and absolute_database(database),
        "artifacts": artifacts and absolute_artifacts(artifacts),
    }
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    settings.make_home()
    store = create_store(settings.database_url)
    try:
        yield House(settings, store, Artifacts(settings.artifacts_url))
    finally:
        store.close()


@contextmanager
def accounts(home: Path | None, database: str | None) -> Iterator["Accounts"]:
    """Open the database that a service with the same options uses.

    Raises:
        StoreError: it cannot be opened.
    """
    with house(home, database) as found:
        yield found.store.accounts
