"""What routes work with, as dependencies.

They are coroutines, though some await nothing: a plain function would be run in a thread of its
own, for every request.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from services.gateway.audited import audited
from services.gateway.caller import Caller
from services.gateway.gate import Gate
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.json import load
from services.gateway.limits import read_body
from services.gateway.lookups import Lookups
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

    @cached_property
    def lookups(self) -> Lookups:
        """Jobs that requests look at."""
        return Lookups(self.store.find_jobs)


#: Bytes of a body that is decoded at once: less work than handing it to a thread.
_SMALL = 1 << 14


async def get_deps(request: Request) -> Deps:
    """Return the parts that the application was made of."""
    deps: Deps = request.app.state.deps
    return deps


Parts = Annotated[Deps, Depends(get_deps)]


async def get_caller(request: Request) -> Caller:
    """Return who asks, as the guard of the keys has found."""
    caller: Caller = request.state.caller
    return caller


Asking = Annotated[Caller, Depends(get_caller)]


async def get_reader(request: Request) -> str:
    """Return whose jobs and models a caller who may read sees."""
    caller: Caller = request.state.caller
    caller.check("read")
    return caller.owner


async def get_author(request: Request, deps: Parts, caller: Asking) -> Caller:
    """Return a caller who may change what it sees."""
    await _check(request, deps, caller, "submit")
    return caller


async def get_administrator(request: Request, deps: Parts, caller: Asking) -> Caller:
    """Return a caller who may see what all did."""
    await _check(request, deps, caller, "admin")
    return caller


async def _check(request: Request, deps: Deps, caller: Caller, scope: str) -> None:
    if scope not in caller.scopes:
        what = f"{request.method} {request.url.path}"
        await run_in_threadpool(_refuse, deps, caller, scope, what)


def _refuse(deps: Deps, caller: Caller, scope: str, what: str) -> None:
    with audited(deps.store, caller, f"use_{scope}", what):
        caller.check(scope)


Owner = Annotated[str, Depends(get_reader)]
Author = Annotated[Caller, Depends(get_author)]
Administrator = Annotated[Caller, Depends(get_administrator)]


async def json_body(request: Request, deps: Parts) -> Any:
    """Return the decoded body; what takes longer is parsed off the event loop."""
    body = await read_body(request, deps.settings.max_body_size)
    return load(body) if len(body) <= _SMALL else await run_in_threadpool(load, body)


#: A decoded body, not yet checked against a schema.
JsonBody = Annotated[Any, Depends(json_body)]
