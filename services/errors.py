"""What can go wrong between a caller and us, and the only place that knows status codes.

Every error of every floor becomes a problem (RFC 9457) here: `problem(error)`.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from models.errors import ModelError, TooLargeError, UnavailableError
from workers.errors import PROBLEM, WorkerError
from workers.store.errors import (
    DatasetInUseError,
    DatasetNotFoundError,
    IdempotencyConflictError,
    JobActiveError,
    JobNotFoundError,
    KeyNotFoundError,
    ModelNotFoundError,
    PageError,
    QueueFullError,
    QuotaExceededError,
    RefusedValueError,
    StorageFullError,
    StoreError,
)


class Complaint(BaseModel):
    """One mistake in what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: `model.sites[2].args.scale`, `data.y[3]`, or `line 4, column 12` of a source.
    path: str
    #: What is wrong and what to write instead.
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem; `errors` only for input errors."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[Complaint] | None = None

    def content(self) -> dict[str, Any]:
        """Return the JSON object, absent fields left out."""
        return self.model_dump(mode="json", exclude_none=True)


class ServiceError(Exception):
    """The request could not be answered.

    Attributes:
        detail: a sentence for the caller; the docstring's first line when not given.
        complaints: the mistakes, where there is something to point at.
    """

    def __init__(self, detail: str | None = None, complaints: Sequence[Complaint] = ()) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.complaints = list(complaints)
        super().__init__(self.detail)


class MalformedJsonError(ServiceError):
    """The body is not the JSON that we accept."""


class InvalidInputError(ServiceError):
    """The request is JSON, but not what this address takes."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        first = complaints[0]
        rest = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        super().__init__(f"{first.path}: {first.message}{rest}", complaints)


class BodyTooLargeError(ServiceError):
    """The body is larger than the limit."""


class MediaTypeError(ServiceError):
    """Bodies are JSON: send Content-Type: application/json and no Content-Encoding."""


class ForbiddenError(ServiceError):
    """This request does not come from where this service may be spoken to."""


class UnauthorizedError(ServiceError):
    """Send a key: Authorization: Bearer KEY.

    Attributes:
        given: whether there was one that does not count.
    """

    def __init__(self, *, given: bool = False) -> None:
        super().__init__("This key is not known, or it has been revoked." if given else None)
        self.given = given


class MissingScopeError(ServiceError):
    """The key lacks a scope.

    Attributes:
        scope: what it lacks.
    """

    kind = "missing-scope"

    def __init__(self, scope: str = "submit") -> None:
        super().__init__(f"This takes a key with the scope {scope!r}, which yours lacks.")
        self.scope = scope


class RateLimitedError(ServiceError):
    """Too many requests with this key.

    Attributes:
        retry_after: seconds after which one more is answered.
    """

    def __init__(self, retry_after: float = 1.0) -> None:
        super().__init__("Too many requests with this key; send fewer a second.")
        self.retry_after = retry_after


class NotFoundError(ServiceError):
    """There is nothing here."""


class ConflictError(ServiceError):
    """The job is not in a state for this."""


class JobFailedError(ServiceError):
    """The job failed.

    Attributes:
        error: the job's own problem.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("detail"))
        self.error = error


class BusyError(ServiceError):
    """All checkers are busy with other models; try again in a few seconds."""


class NotAvailableError(ServiceError):
    """This part of the contract is not available yet."""


#: Error class -> (status, kind, title); the nearest base class counts.
_TABLE: dict[type[BaseException], tuple[int, str, str]] = {
    MalformedJsonError: (400, "malformed-json", "The body is not JSON that we accept"),
    InvalidInputError: (422, "invalid-input", "The input is not valid"),
    BodyTooLargeError: (413, "body-too-large", "The body is too large"),
    MediaTypeError: (415, "unsupported-media-type", "The body has the wrong media type"),
    ForbiddenError: (403, "forbidden", "Not allowed from here"),
    UnauthorizedError: (401, "unauthorized", "A key is needed"),
    MissingScopeError: (403, "missing-scope", "The key may not do this"),
    RateLimitedError: (429, "rate-limited", "Too many requests"),
    NotFoundError: (404, "not-found", "Not found"),
    ConflictError: (409, "conflict", "Not in a state for this"),
    BusyError: (503, "busy", "Busy"),
    NotAvailableError: (422, "not-available-yet", "Not available yet"),
    ModelError: (422, "invalid-model", "The model or its data cannot be used"),
    TooLargeError: (422, "too-large", "The request needs more than the limits allow"),
    UnavailableError: (422, "not-available-yet", "Not available yet"),
    JobNotFoundError: (404, "job-not-found", "Not found"),
    ModelNotFoundError: (404, "model-not-found", "Not found"),
    DatasetNotFoundError: (404, "dataset-not-found", "Not found"),
    KeyNotFoundError: (404, "key-not-found", "Not found"),
    QuotaExceededError: (429, "quota-exceeded", "A quota is used up"),
    QueueFullError: (503, "queue-full", "The queue is full"),
    StorageFullError: (503, "storage-full", "The artifact store is full"),
    DatasetInUseError: (409, "dataset-in-use", "Not in a state for this"),
    JobActiveError: (409, "job-active", "Not in a state for this"),
    IdempotencyConflictError: (422, "idempotency-conflict", "The key was used before"),
    PageError: (422, "invalid-page", "The input is not valid"),
    RefusedValueError: (422, "invalid-value", "The input is not valid"),
    StoreError: (503, "store-error", "The store does not answer"),
    WorkerError: (409, "worker-error", "The work could not be done"),
}

#: Titles of statuses that the framework itself answers with.
_STATUS_KINDS = {
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    413: ("body-too-large", "The body is too large"),
}


def problem(error: BaseException, instance: str | None = None) -> Problem:
    """Return the problem that an error becomes; an unknown error is a 500 that tells nothing."""
    if isinstance(error, JobFailedError):
        return _job_failed(error, instance)
    for cls in type(error).__mro__:
        if cls in _TABLE:
            status, kind, title = _TABLE[cls]
            return Problem(
                type=PROBLEM + kind,
                title=title,
                status=status,
                detail=getattr(error, "detail", None) or str(error),
                instance=instance,
                errors=_complaints(error),
                **_figures(error),
            )
    return Problem(
        type=PROBLEM + "internal",
        title="Internal error",
        status=500,
        detail="The service made a mistake; nothing of the request was kept.",
        instance=instance,
    )


def status_problem(status: int, detail: str, instance: str | None = None) -> Problem:
    """Return the problem for a status that the framework chose itself."""
    kind, title = _STATUS_KINDS.get(status, ("http", "The request could not be answered"))
    return Problem(
        type=PROBLEM + kind, title=title, status=status, detail=detail, instance=instance
    )


def _job_failed(error: JobFailedError, instance: str | None) -> Problem:
    """The job's own problem, under the status that says that there is no result."""
    given = {"type": PROBLEM + "job-failed", "title": "The job failed", "detail": error.detail}
    given |= {name: value for name, value in error.error.items() if value is not None}
    return Problem.model_validate({**given, "status": 409, "instance": instance})


def _figures(error: BaseException) -> dict[str, Any]:
    """What a program may want to know beside the sentence."""
    if isinstance(error, QuotaExceededError):
        return {"quota": error.quota, "limit": error.limit, "used": error.used}
    return {}


def _complaints(error: BaseException) -> list[Complaint] | None:
    if isinstance(error, ModelError):
        return [Complaint(path=error.path, message=error.message)]
    if isinstance(error, PageError):
        return [Complaint(path="page_token", message=error.detail)]
    return getattr(error, "complaints", None) or None
