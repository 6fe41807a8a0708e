"""The store's face for whoever runs the service: keys, the audit log, and who takes how much room.

Every method is one transaction, over when the method returns, as of `workers.store.store.Store`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Engine

from workers.store import audit, idempotency, jobs, keys
from workers.store.audit import Entry
from workers.store.backlog import Backlog
from workers.store.connection import transaction
from workers.store.keys import StoredKey
from workers.store.pages import Page
from workers.store.quotas import Quotas, Terms, check_bytes, check_job, limits

#: Jobs whose artifacts are weighed at a time.
WEIGHED = 200


class Accounts:
    """Owners, their keys, and what they did."""

    def __init__(
        self,
        reader: Engine,
        writer: Engine,
        now: Callable[[Connection], datetime],
        backlog: Backlog,
    ) -> None:
        """Use a store's database.

        Args:
            reader: for transactions that read.
            writer: for transactions that write.
            now: tells the time within a transaction.
            backlog: what is known of the queue of all.
        """
        self._reader, self._writer, self._now = reader, writer, now
        self._backlog = backlog

    def create_key(
        self,
        key_id: str,
        digest: str,
        owner: str,
        scopes: tuple[str, ...],
        note: str = "",
        quotas: Mapping[str, float | None] | None = None,
    ) -> StoredKey:
        """Store a new key.

        Args:
            key_id: its public part.
            digest: Argon2 of the whole.
            owner: whose jobs, models and data sets it sees.
            scopes: what it may do.
            note: what it is for.
            quotas: what differs from the service's, by name.
        """
        with transaction(self._writer) as connection:
            now = self._now(connection)
            key = StoredKey(
                id=key_id,
                owner=owner,
                digest=digest,
                scopes=scopes,
                note=note,
                quotas=quotas or {},
                created_at=now,
            )
            keys.put(connection, key)
            audit.write(connection, now, owner, None, "create_key", key_id)
            return key

    def find_key(self, key_id: str) -> StoredKey | None:
        """Return the key with this id, also a revoked one; None where there is none."""
        with transaction(self._reader) as connection:
            return keys.find(connection, key_id)

    def every_key(self) -> list[StoredKey]:
        """Return all keys, the oldest first."""
        with transaction(self._reader) as connection:
            return keys.every(connection)

    def revoke_key(self, key_id: str) -> StoredKey:
        """End a key for good; one that has ended stays as it is.

        Raises:
            KeyNotFoundError: there is no such key.
        """
        with transaction(self._writer) as connection:
            now = self._now(connection)
            found = keys.revoke(connection, key_id, now)
            outcome = audit.DONE if found.revoked_at == now else audit.KNOWN
            audit.write(connection, now, found.owner, None, "revoke_key", key_id, outcome)
            return found

    def has_keys(self) -> bool:
        """Return whether there is a key that has not been revoked."""
        with transaction(self._reader) as connection:
            return keys.usable(connection)

    def note(
        self, owner: str, by: str | None, action: str, thing: str | None, outcome: str
    ) -> None:
        """Append to the audit log what left no other trace: that something was refused."""
        with transaction(self._writer) as connection:
            audit.write(connection, self._now(connection), owner, by, action, thing, outcome)

    def audit(
        self, owner: str | None, *, page_size: int = 50, page_token: str | None = None
    ) -> Page[Entry]:
        """Return one page of what an owner did, newest first; `owner` None shows all.

        Raises:
            PageError: the size is below 1, or the token is not one of ours.
        """
        with transaction(self._reader) as connection:
            return audit.page(connection, owner, page_size, page_token)

    def check_job(self, owner: str, terms: Terms, idempotency_key: str | None) -> bool:
        """Refuse at once what `Store.submit` would refuse whatever the size.

        Returns:
            Whether it would be a new job; one whose key stands for a job is never refused.

        Raises:
            QueueFullError, QuotaExceededError: it is one too many.
        """
        if idempotency_key is None and self._lets_in(terms):
            return True
        with transaction(self._reader) as connection:
            now = self._now(connection)
            if idempotency_key and idempotency.stands(connection, owner, idempotency_key, now):
                return False
            check_job(connection, owner, terms, 0, now, self._backlog)
            return True

    def _lets_in(self, terms: Terms) -> bool:
        """Return whether it is known without asking the database that one more job may come."""
        if limits(terms.quotas):
            return False
        return terms.queue is None or self._backlog.roomy(terms.queue)

    def check_bytes(self, owner: str, quotas: Quotas, size: int) -> None:
        """Refuse to store so many more bytes than the owner may.

        Raises:
            QuotaExceededError: the quota would be exceeded.
        """
        if quotas.stored_bytes is None:
            return
        with transaction(self._reader) as connection:
            check_bytes(connection, owner, quotas, size)

    def unweighed(self, owner: str) -> list[str]:
        """Return some ended jobs that count with what they might have taken, not what they do."""
        with transaction(self._reader) as connection:
            return jobs.unweighed(connection, owner, WEIGHED)

    def weigh(self, owner: str, sizes: Mapping[str, int]) -> None:
        """Note how many bytes ended jobs take."""
        with transaction(self._writer) as connection:
            jobs.weigh(connection, owner, sizes)
