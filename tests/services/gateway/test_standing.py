"""A stream ends soon after its key does."""

import asyncio

import pytest

from services.gateway import standing as module
from services.gateway.caller import LOCAL, Caller
from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.standing import Standing
from tests.services.gateway.keyed import app_of, caller
from workers.store.bell import job_topic

BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}


def test_a_key_stands_until_it_is_revoked(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = deps.store.accounts
    accounts.create_key("k", "digest", "ann", ("read",))
    trusted = Standing(accounts, Caller(owner="ann", key="k"))
    free = Standing(accounts, LOCAL)
    monkeypatch.setattr(module, "ROW_SECONDS", 0.0)
    assert asyncio.run(trusted.lasts())
    accounts.revoke_key("k")
    assert not asyncio.run(trusted.lasts())
    assert asyncio.run(free.lasts())
    monkeypatch.setattr(module, "ROW_SECONDS", 5.0)
    assert asyncio.run(Standing(accounts, Caller(owner="ann", key="k")).lasts())


def test_an_open_stream_of_a_revoked_key_ends(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROW_SECONDS", 0.2)
    ann = caller(app_of(deps))
    job = ann.post("/v1/jobs", BODY).json()

    async def ended() -> str:
        following = asyncio.to_thread(ann.get, job["links"]["events"])
        task = asyncio.ensure_future(following)
        await asyncio.sleep(0.5)
        assert not task.done(), "the job waits, and so does the stream"
        deps.store.accounts.revoke_key(ann.key_id)
        deps.bell.ring(job_topic(job["id"]))
        return (await asyncio.wait_for(task, 30)).text

    assert asyncio.run(ended()).startswith("id: 1\nevent: state\n")
    assert deps.store.get_job(None, job["id"]).state == "queued"
