"""How errors leave the gateway: handlers for every class, registered in the factory."""

import math
from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from models.errors import ModelError
from services.errors import (
    Complaint,
    InvalidInputError,
    MissingScopeError,
    Problem,
    ServiceError,
    UnauthorizedError,
    problem,
    status_problem,
)
from services.gateway.access import REQUEST_ID
from services.gateway.complaints import sentence
from services.gateway.json import join
from workers.errors import WorkerError
from workers.trail import NOWHERE, Trail

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


def problem_response(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the HTTP answer for a problem."""
    extra = dict(headers or {})
    if found.status == 503:
        extra.setdefault("Retry-After", "2")
    return JSONResponse(found.content(), found.status, extra, media_type=MEDIA_TYPE)


def refusal(error: Exception, path: str) -> Response:
    """Return the HTTP answer for an error of ours, with the headers that belong to it."""
    return problem_response(problem(error, path), _headers(error))


def install(app: FastAPI) -> None:
    """Register the handlers; one for a base class serves its subclasses."""
    for cls in (ServiceError, ModelError, WorkerError):
        app.add_exception_handler(cls, _known)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unknown)


async def _known(request: Request, error: Exception) -> Response:
    return refusal(error, request.url.path)


async def _parameters(request: Request, error: Exception) -> Response:
    """Turn a refused query parameter, header or path part into a problem."""
    assert isinstance(error, RequestValidationError)
    found = [
        Complaint(path=_parameter_path(item["loc"]), message=sentence(item))
        for item in error.errors()
    ]
    return problem_response(problem(InvalidInputError(found), request.url.path))


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    detail = {
        404: f"There is no address {path}; /openapi.json lists the addresses.",
        405: f"{path} does not take {request.method}.",
    }.get(error.status_code, error.detail)
    return problem_response(status_problem(error.status_code, detail, path), error.headers)


async def _unknown(request: Request, error: Exception) -> Response:
    # Whatever was bound for the request is gone by now: this is the outermost of all.
    trail: Trail = getattr(request.state, "trail", NOWHERE)
    path = request.url.path
    log.error("request failed", action="fail_request", path=path, exc_info=error, **trail.context())
    headers = {REQUEST_ID: trail.request} if trail.request else {}
    return problem_response(problem(error, path), headers)


def _headers(error: Exception) -> dict[str, str]:
    """When to come back, and which key to send (RFC 6750, section 3)."""
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": "Bearer" + ' error="invalid_token"' * error.given}
    if isinstance(error, MissingScopeError):
        lack = f'error="insufficient_scope", scope="{error.scope}"'
        return {"WWW-Authenticate": f"Bearer {lack}"}
    seconds = getattr(error, "retry_after", None)
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}


def _parameter_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location[1:]:
        path = join(path, part)
    return path or "request"
