"""The body of `POST /v1/jobs`: what is asked for, checked as far as a schema can.

Apart from `jobs.py` because it knows every engine's options, and with them torch, which a process
that only moves jobs does without.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from models.definition import ModelDefinition
from workers.engines import AnyEngineOptions
from workers.jobs import SEEDS, draw_seed

Precision = Literal["float64", "float32", "mixed"]
Tier = Literal["auto", "interpreted", "compiled"]
#: As a data set's columns may be called.
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
#: No control characters: a label stands in URLs, in logs and in PostgreSQL's text.
LabelValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,256}$")]


class Posted(BaseModel):
    """Base of what a user posts: no surplus fields, no NaN, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelReference(Posted):
    """A model stored before, by its id."""

    id: str = Field(min_length=1, max_length=128)


class Resources(Posted):
    """What one job may occupy."""

    cpus: int = Field(default=1, ge=1, le=1024)
    gpus: int = Field(default=0, ge=0, le=64)
    workers: int = Field(default=1, ge=1, le=1024)


class Limits(Posted):
    """When a job ends at the latest."""

    #: Seconds of work over all attempts; the job is `expired` after that.
    max_seconds: float = Field(default=3600.0, gt=0, le=7 * 86400)


def _form(value: Any) -> str:
    named = isinstance(value, dict) and "id" in value and "language" not in value
    return "reference" if named or isinstance(value, ModelReference) else "definition"


#: A definition, or the id of a stored one; told apart before either is checked, so that the
#: complaints are about the one that was meant.
AnyModel = Annotated[
    Annotated[ModelReference, Tag("reference")] | Annotated[ModelDefinition, Tag("definition")],
    Discriminator(_form),
]


class Codes(Posted):
    """The codes 0, 1, ... of a column's distinct values, in the order of these."""

    codes: ColumnName


def _source(value: Any) -> str:
    kinds = ((list, "a matrix"), (dict | Codes, "of codes"), (bool | int | float, "a number"))
    return next((tag for kind, tag in kinds if isinstance(value, kind)), "a column")


#: What the model's data are: a column; several, which make a matrix; codes of one; or a number.
#: Tags have spaces: no field is called like one, so a path of complaints tells them from fields.
ColumnSource = Annotated[
    Annotated[ColumnName, Tag("a column")]
    | Annotated[list[ColumnName], Field(min_length=1, max_length=10_000), Tag("a matrix")]
    | Annotated[Codes, Tag("of codes")]
    | Annotated[bool | int | float, Tag("a number")],
    Discriminator(_source),
]


class DatasetReference(Posted):
    """A stored data set, and what the model takes of it."""

    dataset: str = Field(min_length=1, max_length=128, description="The data set's id.")
    columns: dict[str, ColumnSource] = Field(
        default={},
        description="By the model's name: a column, a list of columns (a matrix), "
        '`{"codes": column}` or a number. Names left out are columns of the same name.',
    )


class BoundData(Posted):
    """A reference as a job's input keeps it: every array named, and where the data set lies."""

    dataset: str
    #: Of the data set in the artifact store.
    key: str
    #: The artifact store's URL; in the task of a process that does not know it.
    artifacts: str | None = None
    columns: dict[str, ColumnSource]


def _origin(value: Any) -> str:
    named = isinstance(value, dict) and isinstance(value.get("dataset"), str)
    return "a reference" if named or isinstance(value, DatasetReference) else "arrays themselves"


_TEXT: dict[str, Any] = {"dataset": {"type": "string"}}

#: Data are numbers, so a text under `dataset` is no data: it names a stored data set.
AnyData = Annotated[
    Annotated[DatasetReference, Tag("a reference")]
    | Annotated[
        dict[str, Any],
        Field(
            description="Numbers and nested lists of numbers by name; for a formula also lists of "
            "texts.",
            json_schema_extra={"not": {"required": ["dataset"], "properties": _TEXT}},
        ),
        Tag("arrays themselves"),
    ],
    Discriminator(_origin),
]


class JobRequest(Posted):
    """A job: a model, data, an engine and the circumstances."""

    model: AnyModel
    data: AnyData = {}
    engine: AnyEngineOptions
    seed: int | None = Field(
        default=None, ge=0, lt=SEEDS, description="Drawn and returned when absent."
    )
    precision: Precision = "float64"
    tier: Tier = "auto"
    warm_start_from: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="The id of an ended job of a sampler on the same unknowns: chains start where "
        "its chains ended, with its metric and step size, instead of at `init`.",
    )
    resources: Resources = Resources()
    limits: Limits = Limits()
    labels: dict[LabelKey, LabelValue] = Field(default={}, max_length=64)
    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        description="Of your queued jobs the one with the highest starts first.",
    )

    def stored(self) -> dict[str, Any]:
        """Return what the job's row keeps: all but the data, with every default and a seed."""
        request = self.model_dump(mode="json", exclude={"data"})
        request["seed"] = draw_seed() if self.seed is None else self.seed
        return request
