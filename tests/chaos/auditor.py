"""Looks through everything when all is over: the database, the artifact store, the processes."""

import time
from collections import defaultdict

from tests.chaos.history import Found, History, Orphan
from tests.chaos.service import Service
from workers.dispatch.sweeper import Sweeper
from workers.jobs import Job, JobState
from workers.store.store import Store
from workers.store.tidy import untidy

#: Seconds for what was killed to be replaced and swept up.
SETTLE = 30.0
_ALL = 1_000_000


def audit(service: Service, history: History) -> None:
    """Write down what a service has, and end it.

    Args:
        service: whole and idle.
        history: takes what is found.
    """
    end = time.monotonic() + SETTLE
    while service.strays() and time.monotonic() < end:
        time.sleep(0.5)
    for stray in service.strays():
        history.add(Orphan(what=stray))
    # What the next dispatcher would do at its start.
    Sweeper(service.store, service.artifacts.url).sweep_all()
    _audit_jobs(service, history)
    for command in service.stop():
        history.add(Orphan(what=f"left behind: {command}"))


def _audit_jobs(service: Service, history: History) -> None:
    results: dict[str, list[str]] = defaultdict(list)
    lying = set()
    for key in service.artifacts.list("jobs"):
        prefix, _, name = key.rpartition("/")
        job_id = key.split("/")[1]
        lying.add(job_id)
        if name == "result.json":
            results[job_id].append(prefix)
    jobs = _jobs(service.store)
    for job in jobs:
        history.add(_found(service.store, job, tuple(results[job.id])))
    for job_id in sorted(lying - {job.id for job in jobs}):
        history.add(Orphan(what=f"artifacts of {job_id}, which is no job"))
    for job_id in untidy(service.artifacts):
        history.add(Orphan(what=f"artifacts of lost attempts of {job_id}"))


def _jobs(store: Store) -> list[Job]:
    found, token = store.list_jobs(None, page_size=200)
    while token is not None:
        more, token = store.list_jobs(None, page_size=200, page_token=token)
        found += more
    return found


def _found(store: Store, job: Job, results: tuple[str, ...]) -> Found:
    events = store.events(job.id, limit=_ALL)
    said = [str(event.payload.get("message")) for event in events if event.kind == "log"]
    return Found(
        job=job.id,
        key=job.labels.get("order", job.id),
        state=job.state,
        error=None if job.error is None else str(job.error.get("detail")),
        attempts=job.attempts,
        events=tuple(
            (
                event.id,
                event.kind,
                JobState(event.payload["state"]) if event.kind == "state" else None,
            )
            for event in events
        ),
        published=job.result_prefix,
        results=results,
        resumed=sum(message.startswith("goes on from step") for message in said),
        doubted=sum("is of no use" in message for message in said),
    )
