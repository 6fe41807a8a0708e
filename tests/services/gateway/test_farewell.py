"""Requests that the server gives up while they wait."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.gateway.farewell import Farewell

SCOPE = {"type": "http", "method": "POST", "path": "/v1/jobs", "headers": []}


def given_up(begins: bool) -> list[Message]:
    """Return what is sent of an answer that is cancelled, before or after it has begun."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(60)

    async def main() -> None:
        task: asyncio.Task[Any] = asyncio.create_task(Farewell(slow)(SCOPE, receive, send))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        assert begins
    return sent


def test_one_that_has_no_answer_yet_is_told_to_come_back() -> None:
    start, body = given_up(begins=False)
    assert start["status"] == 503
    headers = dict(start["headers"])
    assert headers[b"retry-after"]
    assert headers[b"connection"] == b"close"
    found = json.loads(body["body"])
    assert (found["status"], found["instance"]) == (503, "/v1/jobs")
    assert "Idempotency-Key" in found["detail"]


def test_one_whose_answer_has_begun_breaks_off() -> None:
    (start,) = given_up(begins=True)
    assert start["status"] == 200


def test_errors_pass() -> None:
    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("wrong")

    async def none(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(Farewell(wrong)(SCOPE, none, none))
