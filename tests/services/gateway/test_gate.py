"""The gate of streams: as many as may, and one more when one has gone."""

import asyncio

import pytest

from services.errors import BusyError
from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.gate import Gate
from tests.services.gateway.web import Web, assert_problem

BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}


def test_one_more_is_refused_until_one_goes() -> None:
    gate = Gate(2)
    with gate.passed(), gate.passed():
        assert gate.inside == 2
        with pytest.raises(BusyError, match="streams"):
            gate.check()
    assert gate.inside == 0
    gate.check()


def test_streams_are_counted_while_they_are_open(web: Web, deps: Deps) -> None:
    job = web.post("/v1/jobs", BODY).json()
    web.post(job["links"]["cancel"])
    deps.gate.inside = 1000
    assert_problem(web.get(job["links"]["events"]), 503)
    answer = web.get(job["links"]["draws"])
    assert_problem(answer, 503)
    assert answer.headers["retry-after"]
    deps.gate.inside = 0
    assert web.get(job["links"]["events"]).status_code == 200
    assert deps.gate.inside == 0


def test_an_abandoned_stream_makes_room(web: Web, deps: Deps) -> None:
    job = web.post("/v1/jobs", BODY).json()
    path = job["links"]["events"]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
    }
    asked = False

    async def leave() -> int:
        opened = asyncio.Event()

        async def receive() -> dict[str, object]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await opened.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            if message.get("body"):
                seen.append(deps.gate.inside)
                opened.set()

        seen: list[int] = []
        await web.app(scope, receive, send)  # type: ignore[arg-type]
        return max(seen)

    assert asyncio.run(leave()) == 1
    assert deps.gate.inside == 0
