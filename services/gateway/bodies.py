"""The bodies that routes take, as types: they check what is posted and describe it in OpenAPI."""

from typing import Any

from pydantic import Field, TypeAdapter, model_validator

from models.definition import ModelDefinition
from workers.request import AnyData, JobRequest, Posted


class ModelBody(Posted):
    """A model to store; with data, shapes and values are checked too."""

    definition: ModelDefinition
    data: AnyData | None = None


class PointBody(Posted):
    """Where to evaluate a log density: constrained values, or unconstrained coordinates."""

    data: AnyData = Field(default={})
    at: dict[str, Any] | None = Field(
        default=None, description="A value for every parameter, in its shape."
    )
    unconstrained: list[float] | None = Field(
        default=None, description="One number per unconstrained coordinate."
    )

    @model_validator(mode="after")
    def _one_point(self) -> "PointBody":
        if (self.at is None) == (self.unconstrained is None):
            raise ValueError("write either `at` or `unconstrained`")
        return self


JOB: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)
MODEL: TypeAdapter[ModelBody] = TypeAdapter(ModelBody)
POINT: TypeAdapter[PointBody] = TypeAdapter(PointBody)
