"""Busy and absent services are asked again; problems come out typed."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from services.client.async_transport import AsyncTransport
from services.client.attempts import RETRIES
from services.client.errors import InputError, ProblemError, UnreachableError
from services.client.steps import Call, Request
from services.client.transport import Transport
from tests.services.client.server import Answer, Script, serving


def ask(query: dict[str, Any] | None = None) -> Call[Any]:
    answer = yield Request("GET", "/x", query=query or {})
    return answer.json()


def blocking(url: str, call: Call[Any], **options: Any) -> Any:
    transport = Transport(url, **options)
    try:
        return transport.carry(call)
    finally:
        transport.close()


def awaited(url: str, call: Call[Any], **options: Any) -> Any:
    async def run() -> Any:
        transport = AsyncTransport(url, **options)
        try:
            return await transport.carry(call)
        finally:
            await transport.close()

    return asyncio.run(run())


@pytest.fixture(params=[blocking, awaited])
def carry(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with serving(script) as address:
        yield address


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again(carry: Any, script: Script, url: str, status: int) -> None:
    script.on(
        "GET /x", Answer({}, status), Answer({}, status, {"Retry-After": "0"}), Answer({"a": 1})
    )
    assert carry(url, ask()) == {"a": 1}
    assert len(script.asked) == 3


def test_a_broken_answer_is_asked_for_again(carry: Any, script: Script, url: str) -> None:
    script.on("GET /x", Answer({"a": 1}, broken=True), Answer({"a": 2}))
    assert carry(url, ask()) == {"a": 2}


def test_a_service_that_stays_busy_is_a_problem(carry: Any, script: Script, url: str) -> None:
    script.on("GET /x", Answer({"detail": "busy"}, 503, {"Retry-After": "0"}))
    with pytest.raises(ProblemError, match="busy") as caught:
        carry(url, ask())
    assert caught.value.status == 503
    assert len(script.asked) == 1 + RETRIES


def test_a_problem_carries_its_document_and_is_not_asked_again(
    carry: Any, script: Script, url: str
) -> None:
    problem = {
        "type": "urn:x",
        "title": "The input is not valid",
        "status": 422,
        "detail": "data.y[3]: not finite",
        "errors": [{"path": "data.y[3]", "message": "not finite"}],
    }
    script.on("GET /x", Answer(problem, 422))
    with pytest.raises(ProblemError) as caught:
        carry(url, ask())
    assert caught.value.problem == problem
    assert caught.value.errors == [{"path": "data.y[3]", "message": "not finite"}]
    # The detail says it all.
    assert str(caught.value) == "data.y[3]: not finite"
    assert len(script.asked) == 1


def test_several_mistakes_are_all_told() -> None:
    errors = [{"path": "a", "message": "wrong"}, {"path": "b", "message": "too"}]
    problem = ProblemError(422, {"detail": "a: wrong (and 1 more)", "errors": errors})
    assert str(problem) == "a: wrong (and 1 more)\n  a: wrong\n  b: too"


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_an_answer_that_is_no_problem_document_is_a_problem_still(
    script: Script, url: str, body: bytes
) -> None:
    script.on("GET /x", Answer(body, 500))
    with pytest.raises(ProblemError, match="HTTP status 500") as caught:
        blocking(url, ask())
    assert caught.value.errors == []


def test_a_service_that_is_not_there_is_unreachable(carry: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnreachableError) as caught:
        carry(url, ask(), retries=1)
    assert caught.value.url == url


@pytest.mark.parametrize("url", ["http://host:port", "http://host:80:80"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="write http://HOST:PORT"):
        Transport(url)
    with pytest.raises(InputError, match="write http://HOST:PORT"):
        AsyncTransport(url)


def test_an_address_without_a_scheme_is_not_tried_again(carry: Any) -> None:
    with pytest.raises(UnreachableError):
        carry("127.0.0.1:8000", ask(), retries=10)


def test_a_key_goes_with_every_request(carry: Any, script: Script, url: str) -> None:
    script.on("GET /x", Answer({}))
    carry(f"{url}/", ask({"a": 1, "b": None}), key="secret")
    assert script.asked[0].headers["authorization"] == "Bearer secret"
    assert script.asked[0].path == "/x?a=1"


def test_the_key_of_the_environment_is_sent_unless_one_is_given(
    carry: Any, script: Script, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.on("GET /x", Answer({}))
    carry(url, ask())
    monkeypatch.setenv("CREDENCE_KEY", "environment's")
    carry(url, ask())
    carry(url, ask(), key="given")
    sent = [asked.headers.get("authorization") for asked in script.asked]
    assert sent == [None, "Bearer environment's", "Bearer given"]
