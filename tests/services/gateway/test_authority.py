"""Whose a key is: compared seldom, read again often enough, never trusted for long."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.errors import BusyError, UnauthorizedError
from services.gateway import authority as module
from services.gateway.authority import (
    ROW_SECONDS,
    VERIFIED_KEYS,
    VERIFIED_SECONDS,
    Authority,
)
from services.keys import NewKey, fits, make_key
from workers.store.accounts import Accounts
from workers.store.store import create_store


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    store = create_store(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield store.accounts
    store.close()


class Watch:
    """Counts comparisons, and tells a time that is set."""

    def __init__(self) -> None:
        self.now, self.compared = 0.0, 0

    def clock(self) -> float:
        return self.now

    def compare(self, digest: str, key: str) -> bool:
        self.compared += 1
        return digest == f"digest of {key}"


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def authority(accounts: Accounts, watch: Watch) -> Authority:
    return Authority(accounts, watch.clock, watch.compare)


def made(accounts: Accounts) -> NewKey:
    key = make_key()
    accounts.create_key(key.id, f"digest of {key.text}", "ann", ("read",), quotas={"a": 1})
    return key


def test_argon2_tells_a_key(accounts: Accounts) -> None:
    key = make_key()
    accounts.create_key(key.id, key.digest, "ann", ("read", "admin"), quotas={"queued_jobs": 1})
    authority = Authority(accounts)
    found = asyncio.run(authority.identify(key.text))
    assert (found.owner, found.key, found.scopes) == ("ann", key.id, {"read", "admin"})
    assert found.quotas == {"queued_jobs": 1}
    forged = f"credence_{key.id}_{make_key().text.split('_', 2)[2]}"
    assert forged != key.text
    assert not fits(key.digest, forged)
    for text in (forged, make_key().text, "nonsense", ""):
        with pytest.raises(UnauthorizedError) as caught:
            asyncio.run(authority.identify(text))
        assert caught.value.given


def test_a_key_is_compared_once_an_hour(
    accounts: Accounts, authority: Authority, watch: Watch
) -> None:
    key = made(accounts)
    for _ in range(100):
        asyncio.run(authority.identify(key.text))
        watch.now += ROW_SECONDS
    assert watch.compared == 1
    watch.now = VERIFIED_SECONDS
    asyncio.run(authority.identify(key.text))
    assert watch.compared == 2


def test_a_wrong_key_is_compared_each_time_and_remembered_never(
    accounts: Accounts, authority: Authority, watch: Watch
) -> None:
    key = made(accounts)
    forged = key.text[:-1] + ("A" if key.text[-1] != "A" else "B")
    for count in (1, 2):
        with pytest.raises(UnauthorizedError):
            asyncio.run(authority.identify(forged))
        assert watch.compared == count
    # One whose id nobody has costs no comparison.
    with pytest.raises(UnauthorizedError):
        asyncio.run(authority.identify(make_key().text))
    assert watch.compared == 2


def test_a_revocation_is_honoured_within_seconds(
    accounts: Accounts, authority: Authority, watch: Watch
) -> None:
    key = made(accounts)
    asyncio.run(authority.identify(key.text))
    accounts.revoke_key(key.id)
    watch.now = ROW_SECONDS - 0.001
    asyncio.run(authority.identify(key.text))
    watch.now = ROW_SECONDS
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            asyncio.run(authority.identify(key.text))
    assert ROW_SECONDS <= 5.0


def test_memory_is_bounded(
    accounts: Accounts, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VERIFIED_KEYS", 3)
    assert VERIFIED_KEYS < 10_000
    for _ in range(5):
        asyncio.run(authority.identify(made(accounts).text))
    assert len(authority._verified) == 3


def test_a_flood_of_unknown_keys_is_refused(accounts: Accounts, watch: Watch) -> None:
    gate = threading.Event()

    def slow(digest: str, key: str) -> bool:
        return gate.wait(20) and watch.compare(digest, key)

    authority = Authority(accounts, watch.clock, slow)
    keys = [made(accounts).text for _ in range(2 + module._WAITING + 5)]

    async def flood() -> list[object]:
        tasks = [asyncio.ensure_future(authority.identify(key)) for key in keys]
        while sum(task.done() for task in tasks) < 5:
            await asyncio.sleep(0.01)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(flood())
    assert sum(isinstance(answer, BusyError) for answer in answers) == 5
    assert watch.compared == len(keys) - 5
