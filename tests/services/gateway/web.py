"""Speaking to an application in this process, one request at a time."""

import asyncio
import json
import time
from typing import Any

import httpx
from fastapi import FastAPI

BASE = "http://127.0.0.1:8000"


class Web:
    """A synchronous face of httpx over ASGI; exceptions of the application are raised here."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Post a JSON value, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.request("POST", path, content=content, headers=headers, **options)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)


def assert_problem(answer: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """Check that an answer is a whole problem, and return it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found)
    assert found["status"] == answer.status_code
    if status is not None:
        assert answer.status_code == status, answer.text
    for complaint in found.get("errors", []):
        assert set(complaint) == {"path", "message"}
    return found


def wait(web: Web, job: str, *states: str, seconds: float = 120.0) -> dict[str, Any]:
    """Wait until a job is in one of the states, and return it."""
    end = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = web.get(f"/v1/jobs/{job}").json()
        if found["state"] in states:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)
