"""What the store refuses."""

from collections.abc import Sequence
from typing import ClassVar

from workers.errors import WorkerError


class StoreError(WorkerError):
    """The store cannot do what was asked."""

    kind = "store-error"


class StoreUnavailableError(StoreError):
    """The database does not answer or is too busy; try again in a few seconds."""

    kind = "store-unavailable"


class RefusedValueError(StoreError):
    """The database does not take a text or number of this request; remove NUL bytes from texts."""

    kind = "invalid-value"


class JobNotFoundError(StoreError):
    """There is no such job."""

    kind = "job-not-found"


class ModelNotFoundError(StoreError):
    """There is no such model."""

    kind = "model-not-found"


class DatasetNotFoundError(StoreError):
    """There is no such data set."""

    kind = "dataset-not-found"


class DatasetInUseError(StoreError):
    """Jobs that have not ended need the data set.

    Attributes:
        jobs: their ids, the oldest first.
    """

    kind = "dataset-in-use"

    def __init__(self, jobs: Sequence[str]) -> None:
        self.jobs = tuple(jobs)
        shown = ", ".join(self.jobs[:5]) + (
            f" and {len(self.jobs) - 5} more" if len(self.jobs) > 5 else ""
        )
        super().__init__(
            f"Jobs that have not ended need this data set: {shown}. "
            "Wait for their end, or cancel them, and delete it then."
        )


class JobActiveError(StoreError):
    """The job has not ended; cancel it and wait for its end before deleting it."""

    kind = "job-active"


class JobExistsError(StoreError):
    """There is a job of this id already.

    Attributes:
        job: the id.
    """

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"There is a job {job} already; delete it first.")


class DatasetChangedError(StoreError):
    """The job's data set has been posted at this moment; try again."""


class IdempotencyConflictError(StoreError):
    """The Idempotency-Key was used before with another body; send a new key."""

    kind = "idempotency-conflict"


class KeyNotFoundError(StoreError):
    """There is no such key."""

    kind = "key-not-found"


class QueueFullError(StoreError):
    """The queue is full; try again when some jobs have been done.

    Attributes:
        retry_after: seconds after which it may not be.
    """

    kind = "queue-full"
    retry_after = 10.0


class QuotaExceededError(StoreError):
    """A quota is used up.

    Attributes:
        quota: its name.
        limit: how much there may be.
        used: how much there is.
        retry_after: seconds after which there may be less.
    """

    kind = "quota-exceeded"

    #: Name -> what to do.
    _REMEDIES: ClassVar[dict[str, str]] = {
        "queued_jobs": "wait for some of your jobs to start, or cancel some",
        "cpu_seconds": "it begins anew at midnight UTC",
        "stored_bytes": "delete jobs or data sets",
    }

    def __init__(
        self, quota: str, limit: float, used: float, retry_after: float, asked: float | None = None
    ) -> None:
        self.quota, self.limit, self.used, self.retry_after = quota, limit, used, retry_after
        more = "" if asked is None else f", and this asks for {asked:g} more"
        super().__init__(
            f"The quota {quota} is used up: {used:.12g} of {limit:.12g}{more}; "
            f"{self._REMEDIES[quota]}."
        )


class PageError(StoreError):
    """The page_token is not one that this listing gave out; leave it away to start anew."""

    kind = "invalid-page"


class StorageFullError(StoreError):
    """The artifact store is full; try again when whoever runs the service has made room.

    Attributes:
        retry_after: seconds after which there may be some.
    """

    kind = "storage-full"
    retry_after = 10.0


class ArtifactNotFoundError(StoreError):
    """There is no such artifact."""

    kind = "artifact-not-found"


class ArtifactKeyError(StoreError):
    """An artifact's key has parts of letters, digits, `_`, `.` and `-`, separated by `/`."""

    kind = "artifact-key"
