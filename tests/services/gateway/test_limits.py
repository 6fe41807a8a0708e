"""Bodies: JSON only, uncompressed, up to the limit, and the caller always gets the answer."""

import gzip
from collections.abc import AsyncIterator

import pytest

from tests.services.gateway.conftest import MAX_BODY
from tests.services.gateway.web import Web, assert_problem


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "Application/JSON; charset=utf-8"],
)
def test_json_is_taken(web: Web, media_type: str) -> None:
    answer = web.post("/v1/jobs", {}, headers={"Content-Type": media_type})
    assert_problem(answer, 422)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_refused(web: Web, media_type: str) -> None:
    answer = web.post("/v1/jobs", {}, headers={"Content-Type": media_type})
    assert "application/json" in assert_problem(answer, 415)["detail"]


def test_a_missing_media_type_is_refused(web: Web) -> None:
    assert_problem(web.request("POST", "/v1/jobs", content=b"{}"), 415)


def test_compressed_bodies_are_refused(web: Web) -> None:
    body = gzip.compress(b" " * 10**6 + b"{}")
    answer = web.post("/v1/jobs", body, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, 415)


@pytest.mark.parametrize("surplus", [1, MAX_BODY, 8 * MAX_BODY])
def test_an_announced_body_over_the_limit(web: Web, surplus: int) -> None:
    found = assert_problem(web.post("/v1/jobs", b" " * (MAX_BODY + surplus)), 413)
    assert str(MAX_BODY) in found["detail"]


def test_a_streamed_body_over_the_limit(web: Web) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (MAX_BODY // 4 + 1)

    headers = {"Content-Type": "application/json"}
    assert_problem(web.request("POST", "/v1/jobs", content=chunks(), headers=headers), 413)


def test_a_body_at_the_limit_is_read(web: Web) -> None:
    assert_problem(web.post("/v1/jobs", b" " * (MAX_BODY - 2) + b"{}"), 422)
