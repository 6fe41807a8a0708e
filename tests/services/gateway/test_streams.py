"""Streams: every event once and in order, live, resumable, and over with the job."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.streams import PING, encode, stream
from workers.jobs import JobState
from workers.request import JobRequest
from workers.store.bell import job_topic


def submit(deps: Deps) -> str:
    request = JobRequest.model_validate(
        {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}
    )
    job, _ = deps.store.submit("", request.stored(), EIGHT_SCHOOLS, "inputs/x.json")
    return job.id


def follow(deps: Deps, job: str, after: int = 0, poll: float = 0.1) -> AsyncIterator[bytes]:
    return stream(
        deps.store,
        deps.switchboard,
        deps.lookups,
        job,
        after=after,
        ping_seconds=0.3,
        poll_seconds=poll,
    )


def read(deps: Deps, job: str, after: int = 0) -> list[dict[str, Any]]:
    """Read a stream to its end."""

    async def collect() -> list[bytes]:
        return [chunk async for chunk in follow(deps, job, after)]

    whole = b"".join(chunk for chunk in asyncio.run(collect()) if chunk != PING)
    return [parsed(event) for event in whole.split(b"\n\n")[:-1]]


def parsed(chunk: bytes) -> dict[str, Any]:
    lines = chunk.decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines if line)
    return {**fields, "id": int(fields["id"]), "data": json.loads(fields["data"])}


def run(deps: Deps, job: str, points: int = 3) -> None:
    """Live a job's life."""
    claim = deps.store.claim("w", 30)
    assert claim is not None
    for done in range(points):
        event = ("progress", {"done": done, "total": points})
        deps.store.append_events(job, claim.token, [event])
    deps.store.publish(job, claim.token, JobState.SUCCEEDED, f"jobs/{job}/{claim.token}")


def test_a_finished_job_is_told_whole(deps: Deps) -> None:
    job = submit(deps)
    run(deps, job)
    found = read(deps, job)
    assert [event["id"] for event in found] == list(range(1, len(found) + 1))
    states = [event["data"]["state"] for event in found if event["event"] == "state"]
    assert states == ["queued", "running", "succeeded"]
    assert [e["data"]["done"] for e in found if e["event"] == "progress"] == [0, 1, 2]


@pytest.mark.parametrize("after", [1, 3, 6, 99])
def test_a_stream_resumes_after_any_event(deps: Deps, after: int) -> None:
    job = submit(deps)
    run(deps, job)
    whole = read(deps, job)
    assert read(deps, job, after) == whole[after:]


def test_more_events_than_a_batch(deps: Deps) -> None:
    job = submit(deps)
    claim = deps.store.claim("w", 30)
    assert claim is not None
    events: list[tuple[str, dict[str, Any]]] = [("log", {"n": n}) for n in range(1200)]
    deps.store.append_events(job, claim.token, events)
    deps.store.publish(job, claim.token, JobState.SUCCEEDED)
    assert [e["data"]["n"] for e in read(deps, job) if e["event"] == "log"] == list(range(1200))


def test_a_ring_wakes_a_stream_before_its_poll(deps: Deps) -> None:
    job = submit(deps)

    async def live() -> float:
        found = follow(deps, job, poll=60.0)
        assert b"queued" in await anext(found)
        waiting = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0.5)
        began = time.perf_counter()
        await asyncio.to_thread(deps.store.request_cancel, "", job)
        await asyncio.to_thread(deps.bell.ring, job_topic(job))
        assert b"cancelled" in await waiting
        return time.perf_counter() - began

    assert asyncio.run(live()) < 10.0


def test_without_a_ring_it_looks_anyway(deps: Deps) -> None:
    job = submit(deps)

    async def live() -> bytes:
        found = follow(deps, job)
        await anext(found)
        await asyncio.to_thread(deps.store.request_cancel, "", job)
        return await anext(found)

    assert b"cancelled" in asyncio.run(live())


def test_an_idle_stream_is_kept_open_by_comments(deps: Deps) -> None:
    job = submit(deps)

    async def live() -> bytes:
        found = follow(deps, job)
        await anext(found)
        return await anext(found)

    assert asyncio.run(live()) == PING


def test_the_stream_of_a_deleted_job_ends(deps: Deps) -> None:
    job = submit(deps)
    run(deps, job)
    deps.store.delete_job("", job)
    assert read(deps, job) == []


def test_the_format(deps: Deps) -> None:
    job = submit(deps)
    (event,) = deps.store.events(job)
    assert encode(event) == b'id: 1\nevent: state\ndata: {"state":"queued"}\n\n'
