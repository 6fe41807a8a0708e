"""What the gateway wraps around the worker's types: links and pages."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from workers.jobs import Job, JobOrigin, JobState, Progress
from workers.store.audit import Entry
from workers.store.datasets import StoredDataset


class Resource(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class JobLinks(Resource):
    """Where a job's parts are."""

    self: str
    events: str
    result: str
    draws: str
    cancel: str


class JobResource(Resource):
    """A job as the API shows it."""

    id: str
    state: JobState
    engine: dict[str, Any]
    seed: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int
    progress: Progress | None
    error: dict[str, Any] | None
    #: The job that this one goes on from.
    origin: JobOrigin | None
    links: JobLinks


class JobPage(Resource):
    """One page of jobs, newest first."""

    jobs: list[JobResource]
    next_page_token: str | None


class ParameterResource(Resource):
    """A parameter; null where it depends on data that were not given."""

    name: str
    shape: list[int] | None
    support: str | None
    size: int | None


class DataResource(Resource):
    """An array that the model reads; null where no data were given."""

    name: str
    shape: list[int] | None
    dtype: str | None


class ModelResource(Resource):
    """A model as the API shows it."""

    id: str
    definition: dict[str, Any]
    parameters: list[ParameterResource]
    observed: list[str]
    data: list[DataResource]
    #: The graph that a formula stands for, with what depends on data as named data.
    graph: dict[str, Any] | None = None

    @model_serializer(mode="wrap")
    def _shown(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the graph out of models that are no formula."""
        shown: dict[str, Any] = handler(self)
        return shown if self.graph is not None else {k: shown[k] for k in shown if k != "graph"}


class ModelPage(Resource):
    """One page of models, newest first."""

    models: list[ModelResource]
    next_page_token: str | None


class CatalogEntry(Resource):
    """A ready-made model with data to try it on."""

    name: str
    description: str
    definition: dict[str, Any]
    data: dict[str, Any]


class Catalog(Resource):
    """All ready-made models."""

    models: list[CatalogEntry]


class LogDensity(Resource):
    """A log density in its parts, and its gradient; null where a number does not exist."""

    log_density: float | None
    log_prior: float | None
    log_likelihood: float | None
    #: By parameter for a constrained point, by coordinate for an unconstrained one.
    gradient: dict[str, Any] | list[float | None]


class ColumnResource(Resource):
    """A column of a data set."""

    name: str
    #: `bool`, `int64`, `float64` or `text`.
    dtype: str
    #: The first dimension counts the rows; a single number has none.
    shape: list[int]
    #: How many distinct texts a text column has; their codes are in the order of code points.
    levels: int | None


class DatasetResource(Resource):
    """A data set as the API shows it."""

    id: str
    columns: list[ColumnResource]
    #: By column.
    shapes: dict[str, list[int]]
    #: In memory.
    bytes: int
    created_at: str


class DatasetPage(Resource):
    """One page of data sets, newest first."""

    datasets: list[DatasetResource]
    next_page_token: str | None


class AuditEntry(Resource):
    """Something that somebody did, or was refused."""

    number: int
    at: str
    #: Null where no key was asked for.
    key_id: str | None
    owner: str
    action: str
    #: The id of what it was done to.
    object: str | None
    #: `done`, `known` (it had been before), or the kind of the problem it was refused with.
    outcome: str


class AuditPage(Resource):
    """One page of the audit log, newest first."""

    entries: list[AuditEntry]
    next_page_token: str | None


def audit_entry(entry: Entry) -> AuditEntry:
    """Return the resource of an entry of the audit log."""
    return AuditEntry.model_validate({**vars(entry), "at": _told(entry.at)})


def dataset_resource(dataset: StoredDataset) -> DatasetResource:
    """Return the resource of a data set."""
    return DatasetResource.model_validate(
        {
            "id": dataset.id,
            "columns": dataset.columns,
            "shapes": {column["name"]: column["shape"] for column in dataset.columns},
            "bytes": dataset.bytes,
            "created_at": _told(dataset.created_at),
        }
    )


def job_resource(job: Job) -> JobResource:
    """Return the resource of a job."""
    here = f"/v1/jobs/{job.id}"
    links = JobLinks(
        self=here,
        events=f"{here}/events",
        result=f"{here}/result",
        draws=f"{here}/draws",
        cancel=f"{here}/cancel",
    )
    return JobResource(
        id=job.id,
        state=job.state,
        engine=job.engine,
        seed=job.seed,
        created_at=_told(job.created_at),
        started_at=None if job.started_at is None else _told(job.started_at),
        finished_at=None if job.finished_at is None else _told(job.finished_at),
        attempts=job.attempts,
        progress=job.progress,
        error=job.error,
        origin=job.origin,
        links=links,
    )


def _told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
