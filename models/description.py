"""What a model asks for and infers, as `GET /v1/models/{id}` shows it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from models.definition import FormulaDefinition, ModelDefinition, model_id
from models.density import Deterministic, Parameter
from models.formula.columns import Column
from models.formula.design import graph_of
from models.outline import outline
from models.stan.density import StanDensity
from models.traced import TracedDensity


class ParameterDescription(BaseModel):
    """A parameter as `GET /v1/models/{id}` shows it; sizes are null while they depend on data."""

    model_config = ConfigDict(frozen=True)

    name: str
    shape: list[int] | None
    support: str | None
    size: int | None


class DataDescription(BaseModel):
    """A data argument; shape and dtype are null until data are given."""

    model_config = ConfigDict(frozen=True)

    name: str
    shape: list[int] | None
    dtype: str | None


class Refusal(BaseModel):
    """What is wrong, and where."""

    model_config = ConfigDict(frozen=True)

    path: str
    message: str


class ModelDescription(BaseModel):
    """What a model asks for and infers."""

    model_config = ConfigDict(frozen=True)

    id: str
    definition: dict[str, Any]
    parameters: list[ParameterDescription]
    observed: list[str]
    data: list[DataDescription]
    #: Names and shapes of what is reported beside the parameters; null shapes as above.
    deterministics: list[ParameterDescription]
    #: By unknown: the plates it is in; empty without data.
    plates: dict[str, list[str]] = {}
    #: The graph that a formula stands for; null of other models.
    graph: dict[str, Any] | None = None
    #: Bytes of one evaluation at one point; null without data.
    bytes: int | None = None
    #: Log density at the origin of the unconstrained scale; null without data or if not finite.
    log_density: float | None = None
    #: What engines say that need all discrete latents summed out, where some cannot be.
    refusal: Refusal | None = None


def outlined(definition: ModelDefinition, owner: str) -> ModelDescription:
    """Describe a definition without data: names, and sizes where they do not depend on data."""
    seen = outline(definition)
    unknowns = [s for s in seen.sites if s.role in ("latent", "parameter")]
    functions = [s for s in seen.sites if s.role == "deterministic"]
    return ModelDescription(
        id=model_id(definition, owner),
        definition=_posted(definition),
        parameters=[
            ParameterDescription(name=s.name, shape=None, support=s.support, size=None)
            for s in unknowns
        ],
        observed=[s.name for s in seen.sites if s.role == "observed"],
        data=[DataDescription(name=n, shape=None, dtype=None) for n in seen.data_names],
        deterministics=[
            ParameterDescription(name=s.name, shape=None, support=None, size=None)
            for s in functions
        ],
        graph=_posted(graph_of(definition)) if isinstance(definition, FormulaDefinition) else None,
    )


def described(
    density: TracedDensity | StanDensity,
    definition: ModelDefinition,
    data: Mapping[str, Column],
    owner: str,
) -> ModelDescription:
    """Describe a compiled model."""
    return ModelDescription(
        id=model_id(definition, owner),
        definition=_posted(definition),
        parameters=[_parameter(p) for p in density.parameters],
        observed=list(density.observed),
        data=[
            DataDescription(name=name, shape=list(data[name].shape), dtype=str(data[name].dtype))
            for name in _columns(density, definition)
        ],
        deterministics=[_parameter(d) for d in density.deterministics],
        plates={p.name: [plate for plate in p.plates if plate] for p in density.parameters},
        graph=None if density.legend is None else _posted(density.legend.graph),
        bytes=density.bytes,
        log_density=at_origin if math.isfinite(at_origin := density.at_origin) else None,
        refusal=_refusal(density),
    )


def _refusal(density: TracedDensity | StanDensity) -> Refusal | None:
    error = density.refusal if isinstance(density, TracedDensity) else None
    return None if error is None else Refusal(path=error.path, message=error.message)


def _columns(density: TracedDensity | StanDensity, definition: ModelDefinition) -> Sequence[str]:
    """Return the names of what was posted; what a formula makes of it has others."""
    formula = isinstance(definition, FormulaDefinition)
    return outline(definition).data_names if formula else density.data_names


def _posted(definition: ModelDefinition) -> dict[str, Any]:
    return definition.model_dump(mode="json", exclude_none=True)


def _parameter(known: Parameter | Deterministic) -> ParameterDescription:
    support, size = None, None
    if isinstance(known, Parameter):
        support, size = known.support, known.size
    return ParameterDescription(
        name=known.name, shape=list(known.shape), support=support, size=size
    )
