"""The bodies that routes take, as types: they check what is posted and describe it in OpenAPI."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from models.definition import ModelDefinition
from models.derivatives.modes import Mode, Part
from workers.request import AnyData, JobRequest, Posted

#: Of a point: each that is no number is a complaint of a kilobyte of memory.
MOST_COORDINATES = 100_000


class ModelBody(Posted):
    """A model to store; with data, shapes and values are checked too."""

    definition: ModelDefinition
    data: AnyData | None = None


class ExtensionBody(Posted):
    """How many draws to add to a job."""

    draws: int = Field(ge=1, le=10_000_000, description="Per chain, beside those there are.")


class PointBody(Posted):
    """Where to evaluate a log density: constrained values, or unconstrained coordinates."""

    data: AnyData = Field(default={})
    at: dict[str, Any] | None = Field(
        default=None, description="A value for every parameter, in its shape."
    )
    unconstrained: Annotated[list[float], Field(max_length=MOST_COORDINATES)] | None = Field(
        default=None, description="One number per unconstrained coordinate."
    )

    @model_validator(mode="after")
    def _one_point(self) -> "PointBody":
        if (self.at is None) == (self.unconstrained is None):
            raise ValueError("write either `at` or `unconstrained`")
        return self


class DerivativesBody(Posted):
    """Which derivatives of a model, at which constrained values."""

    data: AnyData = Field(default={})
    at: dict[str, Any] | None = Field(
        default=None,
        description="A value for every parameter, in its shape; absent, the values that the "
        "origin of the unconstrained scale stands for.",
    )
    of: Part = Field(default="log_density", description="What is differentiated; no Jacobian.")
    order: Literal[1, 2] = Field(default=1, description="The highest derivative.")
    mode: Mode | Literal["symbolic", "compare"] = Field(
        default="reverse",
        description="`reverse` and `forward` are exact to rounding, `numeric` are central "
        "differences with their error, `symbolic` adds the formulas, `compare` shows all beside "
        "each other.",
    )
    direction: dict[str, Any] | None = Field(
        default=None,
        description="Entries by parameter, those left out are 0: for the derivative along it and, "
        "of order 2, the Hessian's product with it.",
    )
    fields: dict[str, str | None] = Field(
        default={},
        description="Deterministic sites whose Jacobian to show; with the parameter that is the "
        "space of the field, its divergence, and its curl in three dimensions.",
    )
    to: dict[str, Any] | None = Field(
        default=None,
        description="Another point, at which the Taylor polynomial of order two is evaluated.",
    )


_Level = Annotated[float, Field(gt=0, lt=1)]
_Text = Annotated[str, Field(min_length=1, max_length=10_000)]


class ExpectationBody(Posted):
    """What to average over a job's draws."""

    of: _Text = Field(
        description="An expression of the model's language over the result's quantities."
    )
    probabilities: list[_Text] = Field(
        default=[], max_length=100, description="Events: comparisons of such expressions."
    )
    moments: int = Field(
        default=2,
        ge=1,
        le=4,
        description="The highest: 1 the mean, 2 the variance, 3 the skewness, 4 the kurtosis.",
    )
    cdf_at: list[float] = Field(
        default=[], max_length=1000, description="Where to evaluate the distribution function."
    )
    quantiles: list[_Level] = Field(default=[], max_length=1000, description="Levels in ]0, 1[.")


JOB: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)
MODEL: TypeAdapter[ModelBody] = TypeAdapter(ModelBody)
EXTENSION: TypeAdapter[ExtensionBody] = TypeAdapter(ExtensionBody)
EXPECTATION: TypeAdapter[ExpectationBody] = TypeAdapter(ExpectationBody)
DERIVATIVES: TypeAdapter[DerivativesBody] = TypeAdapter(DerivativesBody)
POINT: TypeAdapter[PointBody] = TypeAdapter(PointBody)
