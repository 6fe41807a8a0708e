"""Bring a database's schema up to date, whoever else is starting at the same moment."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from workers.store.errors import StoreError

SCRIPTS = Path(__file__).parent / "migrations"
#: Any number that no other program locks in our database.
LOCK = 0x43524544


def migrate(engine: Engine) -> None:
    """Upgrade to the newest revision, in one transaction that others wait for.

    Raises:
        StoreError: the database was written by a newer program.
    """
    with engine.begin() as connection:
        # SQLite's transaction is IMMEDIATE, which is a lock already.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        try:
            command.upgrade(configuration(connection), "head")
        except CommandError as error:
            raise StoreError(f"the database's schema does not fit this version: {error}") from error


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
