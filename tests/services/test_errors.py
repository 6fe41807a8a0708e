"""Every error of every floor becomes a problem; a subclass its nearest base's."""

import pytest

from models.errors import DataError, ModelError, TooLargeError, UnavailableError
from services import errors
from services.errors import (
    Complaint,
    ConflictError,
    InvalidInputError,
    JobFailedError,
    NotAvailableError,
    ServiceError,
    problem,
    status_problem,
)
from workers.errors import WorkerError
from workers.store.errors import (
    IdempotencyConflictError,
    JobNotFoundError,
    PageError,
    StorageFullError,
)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ModelError("model", "no"), 422, "invalid-model"),
        (DataError("data.y[3]", "no"), 422, "invalid-model"),
        (TooLargeError("model", "no"), 422, "too-large"),
        (UnavailableError("model.language", "no"), 422, "not-available-yet"),
        (NotAvailableError(), 422, "not-available-yet"),
        (ConflictError(), 409, "conflict"),
        (JobNotFoundError("there is no job 'a'"), 404, "job-not-found"),
        (IdempotencyConflictError(), 422, "idempotency-conflict"),
        (StorageFullError(), 503, "storage-full"),
        (WorkerError("no"), 409, "worker-error"),
        (KeyError("secret"), 500, "internal"),
    ],
)
def test_status_and_type(error: Exception, status: int, kind: str) -> None:
    found = problem(error, "/v1/jobs")
    assert (found.status, found.type) == (status, f"urn:credence:problem:{kind}")
    assert found.instance == "/v1/jobs"
    assert found.title
    assert found.detail
    assert "secret" not in found.detail


def test_every_service_error_has_a_status_and_a_sentence() -> None:
    for cls in ServiceError.__subclasses__():
        if cls in (InvalidInputError, JobFailedError):
            continue
        found = problem(cls())
        assert found.status != 500, cls
        assert found.detail.endswith("."), cls


def test_paths_are_kept() -> None:
    complaints = [Complaint(path="seed", message="write less"), Complaint(path="b", message="no")]
    found = problem(InvalidInputError(complaints)).content()
    assert found["errors"] == [
        {"path": "seed", "message": "write less"},
        {"path": "b", "message": "no"},
    ]
    assert found["detail"] == "seed: write less (and 1 more)"
    assert problem(PageError()).errors[0].path == "page_token"  # type: ignore[index]
    assert "errors" not in problem(ConflictError()).content()


def test_a_failed_job_answers_with_its_own_problem() -> None:
    own = {"type": "urn:credence:problem:no-initial-point", "title": "t", "detail": "tau", "x": 1}
    found = problem(JobFailedError(own), "/r").content()
    assert found == {**own, "status": 409, "instance": "/r"}
    assert problem(JobFailedError({})).status == 409


def test_the_frameworks_own_statuses_are_problems() -> None:
    assert status_problem(405, "no", "/x").type.endswith("method-not-allowed")
    assert status_problem(418, "no").status == 418


def test_the_table_has_no_class_twice_and_only_known_statuses() -> None:
    statuses = {status for status, _, _ in errors._TABLE.values()}
    assert statuses <= {400, 401, 403, 404, 409, 413, 415, 422, 429, 503}
