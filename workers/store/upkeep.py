"""The store's face for its upkeep: what is counted, what expires, and whole jobs out and in.

Every method is one transaction, over when the method returns, as of `workers.store.store.Store`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from workers.measures import Key
from workers.store import audit, census, expiry, records, tallies
from workers.store.census import Census
from workers.store.connection import transaction
from workers.store.expiry import Fate, Unused
from workers.store.records import JobRecord
from workers.store.schema import installation


class Upkeep:
    """Counts, expiry, and jobs as they are carried from one database to another."""

    def __init__(
        self, reader: Engine, writer: Engine, now: Callable[[Connection], datetime]
    ) -> None:
        """Use a store's database.

        Args:
            reader: for transactions that read.
            writer: for transactions that write.
            now: tells the time within a transaction.
        """
        self._reader, self._writer, self._now = reader, writer, now

    def installation(self) -> str:
        """Return the database's own id; a copy of it has the same."""
        with transaction(self._reader) as connection:
            found: str = connection.execute(select(installation.c.id)).scalar_one()
            return found

    def tally(self, counts: Mapping[Key, float]) -> None:
        """Add to what has been counted."""
        if counts:
            with transaction(self._writer) as connection:
                tallies.add(connection, counts)

    def measures(self) -> dict[Key, float]:
        """Return what has been counted."""
        with transaction(self._reader) as connection:
            return tallies.read(connection)

    def census(self, within_seconds: float) -> Census:
        """Return how much there is now; dispatchers that spoke within so many seconds count."""
        with transaction(self._reader) as connection:
            now = self._now(connection)
            return census.take(connection, now - timedelta(seconds=within_seconds), now)

    def due_jobs(self, age: timedelta) -> list[str]:
        """Return the jobs that ended longer ago, the oldest first."""
        with transaction(self._reader) as connection:
            return expiry.due_jobs(connection, self._now(connection) - age)

    def expire_jobs(self, ids: Sequence[str], age: timedelta) -> list[str]:
        """Delete some of them, and return those that were; their artifacts are the caller's."""
        with transaction(self._writer) as connection:
            now = self._now(connection)
            return expiry.expire_jobs(connection, ids, now - age, now)

    def due_draws(self, age: timedelta) -> list[tuple[str, str]]:
        """Return ids and prefixes of jobs that ended longer ago and still have their draws."""
        with transaction(self._reader) as connection:
            return expiry.due_draws(connection, self._now(connection) - age)

    def mark_draws(self, ids: Sequence[str]) -> None:
        """Note that the draws of some jobs have been deleted."""
        with transaction(self._writer) as connection:
            expiry.mark_draws(connection, ids, self._now(connection))

    def unused_models(self, age: timedelta) -> list[Unused]:
        """Return the models of that age that no job names."""
        with transaction(self._reader) as connection:
            return expiry.unused_models(connection, self._now(connection) - age)

    def expire_model(self, model: Unused) -> None:
        """Delete one."""
        with transaction(self._writer) as connection:
            expiry.expire_model(connection, model, self._now(connection))

    def unused_datasets(self, age: timedelta) -> list[Unused]:
        """Return the data sets of that age that no job refers to."""
        with transaction(self._reader) as connection:
            return expiry.unused_datasets(connection, self._now(connection) - age)

    def expire_dataset(self, dataset: Unused) -> str | None:
        """Delete one, unless a job refers to it by now; return the key of its file."""
        with transaction(self._writer) as connection:
            return expiry.expire_dataset(connection, dataset, self._now(connection))

    def forget_keys(self, *, dry_run: bool = False) -> int:
        """Delete, or only count, the idempotency keys whose time is over."""
        with transaction(self._reader if dry_run else self._writer) as connection:
            forget = expiry.expired_keys if dry_run else expiry.forget_keys
            return forget(connection, self._now(connection))

    def expire_audit(self, age: timedelta, *, dry_run: bool = False) -> int:
        """Delete, or only count, the entries of the audit log of that age."""
        with transaction(self._reader if dry_run else self._writer) as connection:
            now = self._now(connection)
            if dry_run:
                return audit.expired(connection, now - age)
            return audit.expire(connection, now - age, now)

    def fates(self, ids: Sequence[str]) -> dict[str, Fate]:
        """Return what became of some jobs; those that there are not are left out."""
        with transaction(self._reader) as connection:
            return expiry.fates(connection, ids)

    def unknown_inputs(self, keys: Collection[str]) -> set[str]:
        """Return which of these artifact keys are no job's input."""
        with transaction(self._reader) as connection:
            return expiry.unknown_inputs(connection, keys)

    def unknown_files(self, keys: Collection[str]) -> set[str]:
        """Return which of these artifact keys are no data set's file."""
        with transaction(self._reader) as connection:
            return expiry.unknown_files(connection, keys)

    def record(self, job_id: str) -> JobRecord:
        """Return an ended job, whole.

        Raises:
            JobNotFoundError: there is none.
            JobActiveError: it has not ended.
        """
        with transaction(self._reader) as connection:
            return records.read(connection, job_id)

    def taken(self, ids: Sequence[str]) -> list[str]:
        """Return which of these ids there are jobs of, whoever's."""
        return sorted(self.fates(ids))

    def admit(self, arrivals: Sequence[tuple[JobRecord, int]]) -> None:
        """Store jobs that ended elsewhere, all or none.

        Args:
            arrivals: each with the bytes of its data and artifacts, which are in place already.

        Raises:
            JobExistsError: there is a job of one of these ids.
            DatasetChangedError: a data set was stored under another key meanwhile.
        """
        with transaction(self._writer) as connection:
            now = self._now(connection)
            for record, size in arrivals:
                records.write(connection, record, size)
                audit.write(connection, now, record.owner, None, "import_job", record.id)
