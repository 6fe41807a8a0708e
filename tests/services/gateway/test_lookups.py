"""Jobs asked for at the same moment are read at once, each answered with its own."""

import asyncio
import threading
import time
from collections.abc import Collection, Mapping

import pytest

from services.gateway.deps import Deps
from services.gateway.lookups import Lookups
from tests.services.gateway.ended import BODY
from tests.services.gateway.web import Web
from workers.jobs import Job
from workers.store.errors import JobNotFoundError, StoreUnavailableError

NOBODYS = "0" * 32


class Reader:
    """Reads a store, and remembers what it was asked at once."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.asked: list[set[str]] = []
        self.broken = False

    def __call__(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        self.asked.append(set(job_ids))
        if self.broken:
            raise StoreUnavailableError
        # Long enough for the others to ask meanwhile.
        time.sleep(0.05)
        return self.deps.store.find_jobs(job_ids)


@pytest.fixture
def reader(deps: Deps) -> Reader:
    return Reader(deps)


@pytest.fixture
def ids(web: Web) -> list[str]:
    return [web.post("/v1/jobs", {**BODY, "seed": seed}).json()["id"] for seed in range(3)]


def test_those_that_wait_are_read_at_once(reader: Reader, ids: list[str]) -> None:
    async def ask() -> list[Job]:
        lookups = Lookups(reader)
        return await asyncio.gather(*(lookups.job("local", job_id) for job_id in ids * 4))

    found = asyncio.run(ask())
    assert [job.id for job in found] == ids * 4
    assert reader.asked == [set(ids)]


def test_an_answer_is_younger_than_its_question(reader: Reader, ids: list[str]) -> None:
    async def ask() -> str:
        lookups = Lookups(reader)
        first = asyncio.ensure_future(lookups.job("local", ids[0]))
        await asyncio.sleep(0.02)
        # The read under way may have seen the job before this.
        await asyncio.to_thread(reader.deps.store.request_cancel, "local", ids[0])
        second = await lookups.job("local", ids[0])
        await first
        return second.state

    assert asyncio.run(ask()) == "cancelled"
    assert len(reader.asked) == 2


@pytest.mark.parametrize("job_id", [NOBODYS, "", "x" * 32, "\0", "é" * 32])
def test_what_is_not_there_is_said(reader: Reader, job_id: str) -> None:
    with pytest.raises(JobNotFoundError, match="there is no job"):
        asyncio.run(Lookups(reader).job("local", job_id))
    assert len(reader.asked) == (job_id == NOBODYS)


def test_another_owners_job_is_not_there(reader: Reader, ids: list[str]) -> None:
    async def ask() -> list[Job | BaseException]:
        lookups = Lookups(reader)
        owners = ("bob", "local")
        asked = (lookups.job(owner, ids[0]) for owner in owners)
        return await asyncio.gather(*asked, return_exceptions=True)

    bobs, ours = asyncio.run(ask())
    assert isinstance(bobs, JobNotFoundError)
    assert isinstance(ours, Job)
    assert len(reader.asked) == 1


def test_a_store_that_fails_is_asked_again(reader: Reader, ids: list[str]) -> None:
    async def ask() -> Job:
        lookups = Lookups(reader)
        reader.broken = True
        failed = await asyncio.gather(
            *(lookups.job("local", job_id) for job_id in ids), return_exceptions=True
        )
        assert all(isinstance(error, StoreUnavailableError) for error in failed)
        reader.broken = False
        return await lookups.job("local", ids[0])

    assert asyncio.run(ask()).id == ids[0]


def test_one_who_goes_away_harms_no_other(reader: Reader, ids: list[str]) -> None:
    async def ask() -> Job:
        lookups = Lookups(reader)
        leaving = asyncio.ensure_future(lookups.job("local", ids[0]))
        staying = asyncio.ensure_future(lookups.job("local", ids[0]))
        await asyncio.sleep(0.01)
        leaving.cancel()
        return await staying

    assert asyncio.run(ask()).id == ids[0]


def test_every_event_loop_has_its_answers(reader: Reader, ids: list[str]) -> None:
    lookups = Lookups(reader)
    found: list[str] = []

    def ask(job_id: str) -> None:
        for _ in range(3):
            found.append(asyncio.run(lookups.job("local", job_id)).id)

    threads = [threading.Thread(target=ask, args=(job_id,)) for job_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == sorted(ids * 3)
