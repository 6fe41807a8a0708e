"""Health: whether the process lives, whether it can work, and what it counts."""

from collections.abc import Callable

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.gateway.deps import Deps, Parts
from services.gateway.metrics import MEDIA_TYPE
from workers.store.errors import StoreError

router = APIRouter(tags=["health"])

log = structlog.get_logger()

#: A dispatcher announces itself every 3 seconds; silence for longer is absence.
PRESENCE_SECONDS = 15.0


class Health(BaseModel):
    """Whether all is well, and each part."""

    status: str
    checks: dict[str, str] = {}
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
    """Answer 200 when a job would be taken and done, else 503 with what is missing."""
    workers, notes = _workers(deps)
    checks = {
        "store": _outcome(deps.store.ping),
        "artifacts": _outcome(lambda: deps.artifacts.exists("inputs/none.json")),
        "checkers": "ok" if deps.validator.ready() else "warming up",
        "workers": workers,
    }
    ready = all(outcome == "ok" for outcome in checks.values())
    response.status_code = 200 if ready else 503
    return Health(status="ready" if ready else "not ready", checks=checks, notes=notes)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_metrics(deps: Parts) -> Response:
    """Answer with the counters in Prometheus' text format."""
    return Response(deps.metrics.render(), media_type=MEDIA_TYPE)


def _workers(deps: Deps) -> tuple[str, list[str]]:
    """Return the state of the workers, and what their dispatchers complain of."""
    try:
        present = deps.store.present(PRESENCE_SECONDS)
    except StoreError:
        return "unknown", []
    notes = [f"workers: {trouble}" for trouble in present.troubles]
    if present.dispatchers == 0:
        return "no dispatcher", notes
    if present.warm > 0:
        return "ok", notes
    return "none" if notes else "warming up", notes


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except Exception as error:
        # Whatever keeps a part from answering, it is not ready.
        log.warning("not ready", action="fail_readiness", exc_info=error)
        return "unreachable"
    return "ok"
