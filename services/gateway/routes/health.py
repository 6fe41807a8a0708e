"""Health: whether the process lives, whether it can work, and what is counted."""

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.gateway.deps import Deps, Parts
from services.gateway.exposition import expose
from services.gateway.metrics import MEDIA_TYPE
from services.gateway.readiness import PRESENCE_SECONDS, look
from workers.store.errors import StoreError

router = APIRouter(tags=["health"])

log = structlog.get_logger()


class Health(BaseModel):
    """Whether all is well, and each part."""

    status: str
    checks: dict[str, str] = {}
    #: A sentence for every part that is not well.
    problems: list[str] = []
    #: What whoever runs the service should know, though it may do its work.
    notes: list[str] = []


@router.get("/healthz")
async def get_health() -> Health:
    """Answer while the process lives."""
    return Health(status="alive")


@router.get(
    "/readyz",
    responses={503: {"model": Health, "description": "Something is missing: `checks` say what."}},
)
def get_readiness(deps: Parts, response: Response) -> Health:
    """Answer 200 when a job would be taken and done, else 503 with what is wrong, in sentences."""
    found = look(deps)
    response.status_code = 200 if found.ready else 503
    status = "ready" if found.ready else "not ready"
    return Health(status=status, checks=found.checks, problems=found.problems, notes=found.notes)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_metrics(deps: Parts) -> Response:
    """Answer with the counts of this gateway and of the service in Prometheus' text format."""
    return Response(deps.metrics.render() + _service(deps), media_type=MEDIA_TYPE)


def _service(deps: Deps) -> bytes:
    """Return the counts of the service; none where the database does not answer."""
    try:
        return deps.census.answer(lambda: _count(deps))
    except StoreError as error:
        log.warning("not counted", action="skip_census", cause=error.detail)
        return b""


def _count(deps: Deps) -> bytes:
    upkeep = deps.store.upkeep
    return expose(upkeep.census(PRESENCE_SECONDS), upkeep.measures(), deps.artifacts.free())
