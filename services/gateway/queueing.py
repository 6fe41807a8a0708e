"""A job that is new in the queue: told to whoever waits for one, counted, and logged."""

import structlog

from services.gateway.deps import Deps
from workers.jobs import Job
from workers.store.bell import WORK

log = structlog.get_logger()


def announce(deps: Deps, job: Job) -> None:
    """Wake a dispatcher for a job that is on disk."""
    deps.bell.ring(WORK)
    engine = job.engine["kind"]
    deps.metrics.submitted.labels(engine).inc()
    log.info("job queued", action="queue_job", job=job.id, engine=engine)
