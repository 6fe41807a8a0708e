"""What routes work with, as dependencies."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from services.gateway.auth import OWNER
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.json import load
from services.gateway.limits import read_body
from services.gateway.metrics import Metrics
from services.gateway.settings import GatewaySettings
from services.gateway.streams import Switchboard
from services.gateway.validator import Validator
from workers.store.artifacts import Artifacts
from workers.store.bell import AbstractBell
from workers.store.store import Store


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


def get_deps(request: Request) -> Deps:
    """Return the parts that the application was made of."""
    deps: Deps = request.app.state.deps
    return deps


def get_owner() -> str:
    """Return whose jobs and models the caller sees."""
    return OWNER


Parts = Annotated[Deps, Depends(get_deps)]
Owner = Annotated[str, Depends(get_owner)]


async def json_body(request: Request, deps: Parts) -> Any:
    """Return the decoded body; parsing happens off the event loop."""
    body = await read_body(request, deps.settings.max_body_size)
    return await run_in_threadpool(load, body)


#: A decoded body, not yet checked against a schema.
JsonBody = Annotated[Any, Depends(json_body)]
