"""A job that has ended with draws that are known."""

from typing import Any

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web
from workers.jobs import JobState
from workers.sink import Array
from workers.store.draws import ArrowSink

BODY: dict[str, Any] = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}


def ended(web: Web, deps: Deps, draws: dict[str, Array], block: int = 10**9) -> dict[str, Any]:
    """Submit a job, publish these draws as its own, so many at a time, and return it."""
    job: dict[str, Any] = web.post("/v1/jobs", BODY).json()
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job['id']}/{claim.token}"
    sink = ArrowSink(deps.artifacts, prefix, lambda kind, payload: None)
    for start in range(0, next(iter(draws.values())).shape[1], block):
        sink.write({name: values[:, start : start + block] for name, values in draws.items()}, {})
    sink.close()
    deps.store.publish(job["id"], claim.token, JobState.SUCCEEDED, prefix)
    return job
