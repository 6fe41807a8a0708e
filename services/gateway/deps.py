"""What routes work with, as dependencies."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from services.gateway.audited import audited
from services.gateway.caller import Caller
from services.gateway.gate import Gate
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.json import load
from services.gateway.limits import read_body
from services.gateway.metrics import Metrics
from services.gateway.remembered import Remembered
from services.gateway.settings import GatewaySettings
from services.gateway.streams import Switchboard
from services.gateway.validator import Validator
from workers.store.artifacts import Artifacts
from workers.store.bell import AbstractBell
from workers.store.store import Store
from workers.tracing import AbstractTracer, NoTracer

#: Seconds for which the database is not counted again, and a store that could be written to is not
#: written to again: anybody may ask for these, as often as it likes.
CENSUS_SECONDS, WRITABLE_SECONDS = 2.0, 10.0


@dataclass(frozen=True, kw_only=True)
class Deps:
    """The parts of one gateway."""

    settings: GatewaySettings
    store: Store
    artifacts: Artifacts
    bell: AbstractBell
    switchboard: Switchboard
    validator: Validator
    ingestor: Ingestor
    metrics: Metrics
    gate: Gate = field(default_factory=Gate)
    tracer: AbstractTracer = field(default_factory=NoTracer)
    #: What the database counts, for the metrics; whether artifacts can be written.
    census: Remembered[bytes] = field(default_factory=lambda: Remembered(CENSUS_SECONDS))
    writable: Remembered[None] = field(default_factory=lambda: Remembered(WRITABLE_SECONDS))


def get_deps(request: Request) -> Deps:
    """Return the parts that the application was made of."""
    deps: Deps = request.app.state.deps
    return deps


Parts = Annotated[Deps, Depends(get_deps)]


def get_caller(request: Request) -> Caller:
    """Return who asks, as the guard of the keys has found."""
    caller: Caller = request.state.caller
    return caller


Asking = Annotated[Caller, Depends(get_caller)]


def get_owner(caller: Asking) -> str:
    """Return whose jobs and models the caller sees."""
    return caller.owner


Whose = Annotated[str, Depends(get_owner)]


def get_reader(caller: Asking, owner: Whose) -> str:
    """Return whose jobs and models a caller who may read sees."""
    caller.check("read")
    return owner


def get_author(request: Request, deps: Parts, caller: Asking, owner: Whose) -> Caller:
    """Return a caller who may change what it sees."""
    _check(request, deps, caller, "submit")
    return replace(caller, owner=owner)


def get_administrator(request: Request, deps: Parts, caller: Asking) -> Caller:
    """Return a caller who may see what all did."""
    _check(request, deps, caller, "admin")
    return caller


def _check(request: Request, deps: Deps, caller: Caller, scope: str) -> None:
    if scope not in caller.scopes:
        what = f"{request.method} {request.url.path}"
        with audited(deps.store, caller, f"use_{scope}", what):
            caller.check(scope)


Owner = Annotated[str, Depends(get_reader)]
Author = Annotated[Caller, Depends(get_author)]
Administrator = Annotated[Caller, Depends(get_administrator)]


async def json_body(request: Request, deps: Parts) -> Any:
    """Return the decoded body; parsing happens off the event loop."""
    body = await read_body(request, deps.settings.max_body_size)
    return await run_in_threadpool(load, body)


#: A decoded body, not yet checked against a schema.
JsonBody = Annotated[Any, Depends(json_body)]
