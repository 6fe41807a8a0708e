"""A database that another process has locked."""

import random
import sqlite3
import time
from pathlib import Path

import psycopg

from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service

SECONDS = 10.0


class DatabaseLocked(AbstractFault):
    """SQLite takes no writer; in PostgreSQL two tables take nobody."""

    name = "database locked for 10 s"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Lock it from this process."""
        if service.postgres is None:
            _lock_file(Path(service.database.removeprefix("sqlite:///")))
        else:
            _lock_tables(service.database)
        return True


def _lock_file(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    time.sleep(SECONDS)
    connection.execute("ROLLBACK")
    connection.close()


def _lock_tables(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE jobs, events IN ACCESS EXCLUSIVE MODE")
        time.sleep(SECONDS)
        connection.rollback()
