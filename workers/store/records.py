"""A job as a document, whole: what leaves with an export and comes in with an import.

Only jobs that have ended have one: nothing of them will ever change.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from sqlalchemy import Connection, RowMapping, insert, select

from workers.jobs import SEEDS, JobState
from workers.store import datasets as dataset_rows
from workers.store.connection import dump_json
from workers.store.datasets import StoredDataset
from workers.store.errors import (
    DatasetChangedError,
    JobActiveError,
    JobExistsError,
    JobNotFoundError,
)
from workers.store.schema import dataset_uses, datasets, events, jobs, labels

_Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
_Count = Annotated[int, Field(ge=0, lt=2**31)]


class Record(BaseModel):
    """Base of what stands in an archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventRecord(Record):
    """An event, with its id."""

    id: int
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    payload: dict[str, Any]
    created_at: AwareDatetime


class DatasetRecord(Record):
    """The data set that a job's input refers to."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    #: Of its file.
    key: Annotated[str, StringConstraints(pattern=r"^datasets/[0-9a-f]{64}/[0-9a-f]{1,64}\.arrow$")]
    columns: list[dict[str, Any]]
    bytes: int = Field(ge=0)
    created_at: AwareDatetime


class _Resources(BaseModel):
    cpus: int = Field(ge=1, le=1024)
    gpus: int = Field(ge=0, le=1024)
    workers: int = Field(ge=1, le=1024)


class _Limits(BaseModel):
    max_seconds: float = Field(gt=0, allow_inf_nan=False)


class _Kind(BaseModel):
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]


class _Request(BaseModel):
    """What others rely on in a stored request: who extends the job copies it."""

    model: dict[str, Any]
    engine: _Kind
    seed: int = Field(ge=0, lt=SEEDS)
    precision: Literal["float64", "float32", "mixed"]
    tier: Literal["auto", "interpreted", "compiled"]
    resources: _Resources
    limits: _Limits
    labels: dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")],
        Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,256}$")],
    ] = {}
    priority: int = Field(default=0, ge=-100, le=100)


class JobRecord(Record):
    """A job that has ended, with its events."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    owner: _Name
    state: JobState
    #: As the job's row has it: without data, with its seed.
    request: dict[str, Any]
    definition: dict[str, Any]
    input_key: Annotated[str, StringConstraints(pattern=r"^inputs/[0-9a-f]{64}\.json$")]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime
    attempts: _Count
    progress: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested: bool
    token: int = Field(ge=0, lt=2**63)
    result_prefix: str | None
    plan: dict[str, Any] | None
    draws_expired_at: AwareDatetime | None
    events: list[EventRecord]
    dataset: DatasetRecord | None

    @property
    def kept(self) -> str:
        """The prefix under which its artifacts lie."""
        return self.result_prefix or f"jobs/{self.id}/{self.token}"

    @field_validator("request")
    @classmethod
    def _whole(cls, request: dict[str, Any]) -> dict[str, Any]:
        _Request.model_validate(request)
        return request

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.state.terminal:
            raise ValueError(f"a job that is {self.state} has not ended")
        if [event.id for event in self.events] != list(range(1, len(self.events) + 1)):
            raise ValueError("its events are not numbered 1, 2, 3, ...")
        told = self.events[-1].payload.get("state") if self.events else None
        if told != self.state:
            raise ValueError(f"its last event does not tell its end, {self.state}")
        prefix = self.result_prefix
        if prefix is not None:
            attempt = re.fullmatch(rf"jobs/{re.escape(self.id)}/([1-9][0-9]{{0,18}})", prefix)
            if attempt is None or int(attempt[1]) > self.token:
                raise ValueError(f"{prefix[:128]!r} is none of its attempts")
        return self


def read(connection: Connection, job_id: str) -> JobRecord:
    """Return a job, whole.

    Raises:
        JobNotFoundError: there is none.
        JobActiveError: it has not ended.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().first()
    if row is None:
        raise JobNotFoundError(f"there is no job {job_id!r}")
    if not JobState(row["state"]).terminal:
        raise JobActiveError(f"job {job_id} is {row['state']}; wait for its end, or cancel it")
    told = select(events).where(events.c.job_id == job_id).order_by(events.c.id)
    named = (*JobRecord.model_fields.keys() - {"events", "dataset"},)
    return JobRecord(
        **{name: row[name] for name in named},
        events=[
            EventRecord(
                id=event["id"],
                kind=event["kind"],
                payload=event["payload"],
                created_at=event["created_at"],
            )
            for event in connection.execute(told).mappings()
        ],
        dataset=_dataset(connection, row),
    )


def _dataset(connection: Connection, job: RowMapping) -> DatasetRecord | None:
    query = (
        select(datasets)
        .join(dataset_uses, dataset_uses.c.dataset_number == datasets.c.number)
        .where(dataset_uses.c.job_number == job["number"])
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return DatasetRecord(**{name: row[name] for name in DatasetRecord.model_fields})


def write(connection: Connection, record: JobRecord, size: int) -> None:
    """Store a job that ended elsewhere.

    Args:
        connection: of a transaction.
        record: the job.
        size: bytes of its data and artifacts.

    Raises:
        JobExistsError: there is a job of its id.
        DatasetChangedError: its data set is here under another key.
    """
    known = select(jobs.c.id).where(jobs.c.id == record.id)
    if connection.execute(known).first() is not None:
        raise JobExistsError(record.id)
    statement = insert(jobs).values(_values(record, size)).returning(jobs.c.number)
    number: int = connection.execute(statement).scalar_one()
    marks = record.request.get("labels", {})
    if marks:
        rows = [{"job_number": number, "key": k, "value": v} for k, v in marks.items()]
        connection.execute(insert(labels), rows)
    if record.dataset is not None:
        _refer(connection, record.owner, record.dataset, number)
    told = [{"job_id": record.id, **event.model_dump()} for event in record.events]
    connection.execute(insert(events), told)


def _values(record: JobRecord, size: int) -> dict[str, Any]:
    request = record.request
    taken = record.model_dump(exclude={"events", "dataset"})
    return {
        **taken,
        "seed": request["seed"],
        "event_count": len(record.events),
        "rank": -request.get("priority", 0),
        "cpus": request["resources"]["cpus"],
        "gpus": request["resources"]["gpus"],
        "bytes": size + len(dump_json(record.definition)),
        "weighed": True,
    }


def _refer(connection: Connection, owner: str, dataset: DatasetRecord, job_number: int) -> None:
    stored, _ = dataset_rows.put(
        connection,
        StoredDataset(
            id=dataset.id,
            owner=owner,
            key=dataset.key,
            columns=dataset.columns,
            bytes=dataset.bytes,
            created_at=dataset.created_at,
        ),
    )
    if stored.key != dataset.key:
        raise DatasetChangedError
    dataset_rows.refer(connection, owner, stored.key, job_number)
