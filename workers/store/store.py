"""The store's face: every method is one transaction, over when the method returns.

Methods are synchronous and may be called from any thread; processes share a store by its URL.
What moves a job's state also appends its `state` event in the same transaction, so callers append
only `progress`, `elbo`, `checkpoint` and `log`. Longer than other files, because it is the whole of
what the floors above may ask of the database; the work is done in the files beside it.

`owner` says whose things a method sees, `by` the id of the key that asks, for the audit log.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import OperationalError

from workers.jobs import Job, JobState
from workers.store import audit, datasets, events, jobs, leases, models, presence
from workers.store.accounts import Accounts
from workers.store.backlog import Backlog
from workers.store.connection import connect, reader, transaction, writer
from workers.store.datasets import StoredDataset
from workers.store.errors import StoreUnavailableError
from workers.store.events import Event, NewEvent
from workers.store.group import Group
from workers.store.leases import Beat, Claim
from workers.store.migrate import migrate
from workers.store.models import StoredModel
from workers.store.pages import Page
from workers.store.presence import Presence
from workers.store.quotas import FREE, UNLIMITED, Quotas, Terms
from workers.store.upkeep import Upkeep

#: Tells the time in UTC.
Clock = Callable[[], datetime]

#: A submission, and the id of the key that asks.
_Posted: TypeAlias = tuple[jobs.Submission, str | None]


class Store:
    """Models, data sets, jobs, events and leases in a database."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._writer = writer(engine)
        self._quick_writer = writer(engine, durable=False)
        self._clock = clock
        self._backlog = Backlog()
        #: Submissions that come at the same time are stored by one commit.
        self._submissions: Group[_Posted, tuple[Job, bool]] = Group(
            self._submit, common=(StoreUnavailableError,)
        )
        #: Keys, the audit log, and who takes how much room.
        self.accounts = Accounts(self._reader, self._writer, self._now, self._backlog)
        #: What is counted and what expires; whole jobs out and in.
        self.upkeep = Upkeep(self._reader, self._writer, self._now)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def ping(self) -> None:
        """Read nothing, to see that the database answers.

        Raises:
            StoreUnavailableError: it does not; any other method may raise it, too.
        """
        with self._read() as connection:
            connection.execute(select(1))

    def put_model(
        self,
        owner: str,
        definition: Mapping[str, Any],
        *,
        quotas: Quotas = UNLIMITED,
        by: str | None = None,
    ) -> tuple[str, bool]:
        """Store a definition under its digest; return its id and whether it was new.

        Raises:
            QuotaExceededError: the owner has no room for it.
        """
        with self._write() as connection:
            now = self._now(connection)
            identity, new = models.put(connection, owner, definition, now, quotas)
            audit.write(connection, now, owner, by, "create_model", identity, _outcome(new))
            return identity, new

    def get_model(self, owner: str, model_id: str) -> StoredModel:
        """Return a model.

        Raises:
            ModelNotFoundError: the owner has no such model.
        """
        with self._read() as connection:
            return models.get(connection, owner, model_id)

    def list_models(
        self, owner: str, *, page_size: int = 50, page_token: str | None = None
    ) -> Page[StoredModel]:
        """Return one page of models, newest first, and the token of the next page.

        Raises:
            PageError: the size is below 1, or the token is not one of ours.
        """
        with self._read() as connection:
            return models.page(connection, owner, page_size, page_token)

    def put_dataset(
        self,
        owner: str,
        dataset_id: str,
        key: str,
        columns: Sequence[dict[str, Any]],
        size: int,
        *,
        quotas: Quotas = UNLIMITED,
        by: str | None = None,
    ) -> tuple[StoredDataset, bool]:
        """Store what is known of a data set; return what is stored and whether it is new.

        Args:
            owner: whose it is.
            dataset_id: the digest of its content and its owner.
            key: of its file in the artifact store; the caller's to delete where it is not new.
            columns: `{name, dtype, shape, levels}` of each.
            size: bytes in memory.
            quotas: the owner's.
            by: the key that asks.

        Raises:
            QuotaExceededError: the owner has no room for it.
        """
        with self._write() as connection:
            now = self._now(connection)
            found = StoredDataset(
                id=dataset_id,
                owner=owner,
                key=key,
                columns=columns,
                bytes=size,
                created_at=now,
            )
            stored, new = datasets.put(connection, found, quotas)
            audit.write(connection, now, owner, by, "create_dataset", dataset_id, _outcome(new))
            return stored, new

    def get_dataset(self, owner: str, dataset_id: str) -> StoredDataset:
        """Return a data set.

        Raises:
            DatasetNotFoundError: the owner has no such data set.
        """
        with self._read() as connection:
            return datasets.get(connection, owner, dataset_id)

    def list_datasets(
        self, owner: str, *, page_size: int = 50, page_token: str | None = None
    ) -> Page[StoredDataset]:
        """Return one page of data sets, newest first, and the token of the next page.

        Raises:
            PageError: the size is below 1, or the token is not one of ours.
        """
        with self._read() as connection:
            return datasets.page(connection, owner, page_size, page_token)

    def delete_dataset(self, owner: str, dataset_id: str, *, by: str | None = None) -> str:
        """Delete a data set; return the artifact key of its file, which is the caller's to delete.

        Raises:
            DatasetNotFoundError: the owner has no such data set.
            DatasetInUseError: jobs that have not ended need it.
        """
        with self._write() as connection:
            key = datasets.remove(connection, owner, dataset_id)
            now = self._now(connection)
            audit.write(connection, now, owner, by, "delete_dataset", dataset_id)
            return key

    def submit(
        self,
        owner: str,
        request: Mapping[str, Any],
        definition: Mapping[str, Any],
        input_key: str,
        idempotency_key: str | None = None,
        body_digest: str | None = None,
        dataset_key: str | None = None,
        *,
        size: int = 0,
        terms: Terms = FREE,
        by: str | None = None,
    ) -> tuple[Job, bool]:
        """Queue a job; it is on disk when this returns.

        Args:
            owner: who asks.
            request: `JobRequest.stored()`.
            definition: the model's definition, also where the request names it by id.
            input_key: the data's key in the artifact store.
            idempotency_key: the same key and digest give the first job again, for a day.
            body_digest: the digest of the posted body.
            dataset_key: the artifact key of the data set that the input refers to, which is not
                deleted while the job is unfinished.
            size: the bytes of its data, and of its draws at the most.
            terms: what it is measured against.
            by: the key that asks.

        Returns:
            The job, and whether it is new.

        Raises:
            IdempotencyConflictError: the owner used the key with another body.
            DatasetNotFoundError: the data set has been deleted.
            QueueFullError, QuotaExceededError: it is one too many.
        """
        submission = jobs.Submission(
            owner=owner,
            request=request,
            definition=definition,
            input_key=input_key,
            idempotency_key=idempotency_key,
            body_digest=body_digest,
            dataset_key=dataset_key,
            size=size,
            terms=terms,
        )
        return self._submissions.call((submission, by))

    def _submit(self, posted: Sequence[_Posted]) -> list[tuple[Job, bool]]:
        """Store what has been submitted, and by which key, in one transaction."""
        with self._write() as connection:
            now = self._now(connection)
            stored = jobs.submit(connection, [s for s, _ in posted], now, self._backlog)
            deeds = [
                (submission.owner, by, job.id, _outcome(new))
                for (submission, by), (job, new) in zip(posted, stored, strict=True)
            ]
            audit.write_all(connection, now, "submit_job", deeds)
            return stored

    def get_job(self, owner: str | None, job_id: str) -> Job:
        """Return a job; `owner` None sees all.

        Raises:
            JobNotFoundError: the owner has no such job.
        """
        with self._read() as connection:
            return jobs.get(connection, owner, job_id)

    def find_jobs(self, job_ids: Collection[str]) -> dict[str, Job]:
        """Return the jobs among these ids that there are, by id, whoever owns them."""
        with self._read() as connection:
            return jobs.find(connection, job_ids)

    def list_jobs(
        self,
        owner: str | None,
        *,
        state: JobState | None = None,
        label: str | None = None,
        page_size: int = 50,
        page_token: str | None = None,
    ) -> Page[Job]:
        """Return one page of jobs, newest first, and the token of the next page.

        Args:
            owner: whose jobs; None for all.
            state: only jobs in this state.
            label: only jobs with this label, `key=value`.
            page_size: at least 1; coerced down to 200.
            page_token: what the page before gave.

        Raises:
            PageError: the size is below 1, or the token is not one of ours.
        """
        with self._read() as connection:
            return jobs.page(connection, owner, state, label, page_size, page_token)

    def request_cancel(self, owner: str | None, job_id: str, *, by: str | None = None) -> Job:
        """Cancel a queued job at once, ask a running one to stop, leave an ended one alone.

        Raises:
            JobNotFoundError: the owner has no such job.
        """
        with self._write() as connection:
            now = self._now(connection)
            job = jobs.cancel(connection, owner, job_id, now)
            outcome = _outcome(job.state is JobState.CANCELLED or job.cancel_requested)
            audit.write(connection, now, job.owner, by, "cancel_job", job_id, outcome)
            return job

    def delete_job(self, owner: str | None, job_id: str, *, by: str | None = None) -> Job:
        """Delete an ended job; its artifacts under `jobs/<id>` are the caller's to delete.

        Raises:
            JobNotFoundError: the owner has no such job.
            JobActiveError: it has not ended.
        """
        with self._write() as connection:
            job = jobs.remove(connection, owner, job_id)
            audit.write(connection, self._now(connection), job.owner, by, "delete_job", job_id)
            return job

    def claim(
        self, worker: str, lease_seconds: float, gpus: Collection[int] = (0,)
    ) -> Claim | None:
        """Take the queued job whose turn it is for `worker`; None where none may start.

        Args:
            worker: who takes it.
            lease_seconds: for how long.
            gpus: how many GPUs it may ask for.
        """
        with self._write_quickly() as connection:
            lease = timedelta(seconds=lease_seconds)
            return leases.claim(connection, worker, lease, self._now(connection), gpus)

    def heartbeat(self, job_id: str, token: int, lease_seconds: float) -> Beat:
        """Prolong a lease; learn whether it is still ours and whether to cancel."""
        with self._write_quickly() as connection:
            lease = timedelta(seconds=lease_seconds)
            return leases.heartbeat(connection, job_id, token, lease, self._now(connection))

    def record_plan(self, job_id: str, token: int, plan: Mapping[str, Any]) -> bool:
        """Write a job's plan, on which its worker acts once this has returned True.

        Returns:
            Whether the token still holds the job; nothing is written if not.
        """
        with self._write() as connection:
            return leases.record_plan(connection, job_id, token, plan)

    def publish(
        self,
        job_id: str,
        token: int,
        state: JobState,
        result_prefix: str | None = None,
        error: dict[str, Any] | None = None,
    ) -> bool:
        """End a job, once.

        Args:
            job_id: which job.
            token: the claim's token.
            state: a terminal state.
            result_prefix: where the artifacts lie, `jobs/<id>/<token>`.
            error: the problem, for `failed`.

        Returns:
            Whether the token still held the job; if not, nothing has changed.
        """
        with self._write() as connection:
            now = self._now(connection)
            return leases.publish(connection, job_id, token, state, result_prefix, error, now)

    def release(self, job_id: str, token: int) -> bool:
        """Put a running job back in the queue without counting the attempt."""
        with self._write_quickly() as connection:
            return leases.release(connection, job_id, token, self._now(connection))

    def give_up(self, job_id: str, token: int, cause: str, *, memory: bool = False) -> bool:
        """Take a job from a worker that is lost, as if its lease had run out, and tell the cause.

        Args:
            job_id: which job.
            token: the claim's token.
            cause: a clause: "the worker died".
            memory: whether it was killed for want of memory.

        Returns:
            Whether the token still held the job; if not, nothing has changed.
        """
        with self._write_quickly() as connection:
            now = self._now(connection)
            return leases.give_up(connection, job_id, token, cause, now, memory=memory)

    def requeue_expired(
        self, now: datetime | None = None, spare: Collection[tuple[str, int]] = ()
    ) -> list[str]:
        """Take jobs from workers whose lease ran out before `now`; return their ids.

        They are queued again; failed with `lease-lost` after three attempts in a row that came to
        nothing; cancelled if that had been asked for.

        Args:
            now: the moment; the present when None.
            spare: jobs and tokens that are left alone.
        """
        with self._write_quickly() as connection:
            return leases.requeue_expired(connection, now or self._now(connection), spare)

    def time(self) -> datetime:
        """Tell the time by which leases are measured."""
        with self._read() as connection:
            return self._now(connection)

    def append_events(self, job_id: str, token: int, batch: Sequence[NewEvent]) -> bool:
        """Append (kind, payload) pairs; the latest `progress` becomes the job's progress.

        Returns:
            Whether the token still holds the job; nothing is written if not.
        """
        with self._write_quickly() as connection:
            return events.append(connection, job_id, token, batch, self._now(connection))

    def events(
        self, job_id: str, after: int = 0, limit: int = 1000, *, owner: str | None = None
    ) -> list[Event]:
        """Return a job's events with ids above `after`, oldest first, without gaps.

        `owner` None sees all; another than the job's sees none.
        """
        with self._read() as connection:
            return events.read(connection, owner, job_id, after, limit)

    def announce(
        self, dispatcher: str, warm: int, trouble: str | None = None, gpus: int = 0
    ) -> None:
        """Say that a dispatcher is at work.

        Args:
            dispatcher: its name.
            warm: its warm workers.
            trouble: what keeps others away.
            gpus: how many of its workers, warm or to be soon, have a GPU.
        """
        with self._write_quickly() as connection:
            presence.announce(connection, dispatcher, warm, trouble, gpus, self._now(connection))

    def withdraw(self, dispatcher: str) -> None:
        """Forget a dispatcher that ends, and those that fell silent an hour ago."""
        with self._write_quickly() as connection:
            before = self._now(connection) - timedelta(hours=1)
            presence.withdraw(connection, dispatcher, before)

    def present(self, within_seconds: float) -> Presence:
        """Return what the dispatchers that spoke within so many seconds have said."""
        with self._read() as connection:
            since = self._now(connection) - timedelta(seconds=within_seconds)
            return presence.present(connection, since)

    def _read(self) -> AbstractContextManager[Connection]:
        return transaction(self._reader)

    def _write(self) -> AbstractContextManager[Connection]:
        """Write what a caller is told to rely on: it is on disk when the method returns."""
        return transaction(self._writer)

    def _write_quickly(self) -> AbstractContextManager[Connection]:
        """Write what a worker tells of work under way.

        If SQLite's machine loses power, the worker is gone with it, and the job is found as it was
        a moment before.
        """
        return transaction(self._quick_writer)

    def _now(self, connection: Connection) -> datetime:
        """Tell the time by the injected clock, else by the database that all processes share."""
        if self._clock is not None:
            return self._clock()
        if connection.dialect.name == "postgresql":
            now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return now
        return datetime.now(UTC)


def _outcome(new: bool) -> str:
    return audit.DONE if new else audit.KNOWN


def create_store(url: str, *, clock: Clock | None = None) -> Store:
    """Open the store at `url` and bring its schema up to date.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.
        clock: tells the time; the database's own when None.

    Raises:
        StoreError: the URL is of another kind, or the schema is newer than this program.
        StoreUnavailableError: the database does not answer, or its file cannot be made.
    """
    engine = connect(url)
    try:
        migrate(writer(engine))
    except Exception as error:
        engine.dispose()
        if isinstance(error, OperationalError):
            raise StoreUnavailableError(f"cannot open the database: {error.orig}") from error
        raise
    return Store(engine, clock)
