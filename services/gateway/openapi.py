"""What OpenAPI cannot see by itself: bodies, their examples, and the problems of each route."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from services.errors import Problem
from services.gateway.bodies import (
    DerivativesBody,
    ExpectationBody,
    ExtensionBody,
    ModelBody,
    PointBody,
)
from services.gateway.examples import DATA, DATASET_CSV, DATASET_JSON, EIGHT_SCHOOLS, jobs
from services.gateway.ingest.ingestor import FORMATS
from services.gateway.problems import MEDIA_TYPE
from workers.engines import ENGINES
from workers.request import JobRequest

_BODIES = (JobRequest, ExtensionBody, ModelBody, PointBody, DerivativesBody, ExpectationBody)
_REFERENCES = "#/components/schemas/{model}"

_PROBLEMS = {
    400: "The body is not JSON that we accept.",
    401: "A key is needed, or this one does not count.",
    403: "The key lacks a scope, or the request comes from elsewhere.",
    404: "There is no such thing.",
    409: "The job, or a job that needs the data set, is not in a state for this.",
    413: "The body is too large.",
    415: "The body is not of a media type that is taken here.",
    422: "Something in the request cannot be used; `errors` has the paths.",
    429: "Too many requests with this key, or a quota is used up; `Retry-After` says until when.",
    503: "All checkers are busy, the queue is full, or the store does not answer.",
}

#: Statuses of routes that take a body, and of routes that name a job or a model.
BODY = (400, 413, 415, 422)
#: Statuses of every route of the contract.
_KEYED = (401, 403, 429, 503)
NAMED = (404, 422)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"description": _PROBLEMS[s], "content": content} for s in sorted(set(statuses))}


def body(model: type[Any], examples: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes this body."""
    content = {
        "schema": {"$ref": _REFERENCES.format(model=model.__name__)},
        "examples": {name: {"value": value} for name, value in examples.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def job_body() -> dict[str, Any]:
    """Describe the body of a job, with an example per engine."""
    return body(JobRequest, jobs(tuple(ENGINES)))


def extension_body() -> dict[str, Any]:
    """Describe the body of an extension."""
    return body(ExtensionBody, {"a thousand more": {"draws": 1000}})


def model_body() -> dict[str, Any]:
    """Describe the body of a model."""
    return body(ModelBody, {"eight_schools": {"definition": EIGHT_SCHOOLS, "data": DATA}})


def point_body() -> dict[str, Any]:
    """Describe the body of a log density."""
    point = {"data": DATA, "at": {"mu": 4.0, "tau": 3.0, "eta": [0.0] * 8}}
    return body(PointBody, {"constrained": point})


def derivatives_body() -> dict[str, Any]:
    """Describe the body of derivatives."""
    at = {"mu": 4.0, "tau": 3.0, "eta": [0.0] * 8}
    return body(
        DerivativesBody,
        {
            "gradient": {"data": DATA, "at": at},
            "compare": {"data": DATA, "at": at, "mode": "compare", "order": 2},
        },
    )


def expectation_body() -> dict[str, Any]:
    """Describe the body of an expectation."""
    difference = {
        "of": "theta[0] - theta[1]",
        "probabilities": ["theta[0] > theta[1]"],
        "moments": 4,
        "cdf_at": [0.0],
        "quantiles": [0.05, 0.5, 0.95],
    }
    return body(ExpectationBody, {"difference": difference})


def dataset_body() -> dict[str, Any]:
    """Describe the body of a data set: the same schools in every format, text ones shown."""
    examples = {
        "application/json": {"schema": {"type": "object"}, "example": DATASET_JSON},
        "text/csv": {"schema": {"type": "string"}, "example": DATASET_CSV},
    }
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {media_type: examples.get(media_type, binary) for media_type in FORMATS}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the application's OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(_schemas())
        _describe_keys(document)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_keys(document: dict[str, Any]) -> None:
    """Say what every address of the contract may answer to a key, or to none."""
    scheme = {"type": "http", "scheme": "bearer", "description": "Where the service asks for keys."}
    document["components"]["securitySchemes"] = {"key": scheme}
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            for operation in operations.values():
                operation["security"] = [{"key": []}, {}]
                answers = {str(s): described for s, described in problems(*_KEYED).items()}
                operation["responses"] = {**answers, **operation["responses"]}


def _schemas() -> dict[str, Any]:
    _, found = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template=_REFERENCES
    )
    problem = TypeAdapter(Problem).json_schema(ref_template=_REFERENCES)
    return {**found["$defs"], **problem.pop("$defs", {}), "Problem": problem}
