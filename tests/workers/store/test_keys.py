"""Keys as rows: kept as they were made, found by their id, ended once."""

import pytest

from tests.workers.store.conftest import TurnedClock
from workers.store.errors import KeyNotFoundError
from workers.store.store import Store


def test_a_key_is_found_as_it_was_made(store: Store, clock: TurnedClock) -> None:
    accounts = store.accounts
    assert not accounts.has_keys()
    assert accounts.find_key("k1") is None
    quotas = {"queued_jobs": 5, "cpu_seconds": None}
    made = accounts.create_key("k1", "digest", "ann", ("read", "admin"), "a note", quotas)
    clock.turn(1)
    other = accounts.create_key("k2", "digest", "ann", ("read",))
    assert accounts.find_key("k1") == made
    assert (made.scopes, made.quotas, made.note) == (("read", "admin"), quotas, "a note")
    assert made.revoked_at is None
    assert accounts.every_key() == [made, other]
    assert accounts.has_keys()


def test_the_first_end_stands(store: Store, clock: TurnedClock) -> None:
    accounts = store.accounts
    accounts.create_key("k1", "digest", "ann", ("read",))
    ended = accounts.revoke_key("k1").revoked_at
    assert ended == clock.now
    clock.turn(1)
    assert accounts.revoke_key("k1").revoked_at == ended
    found = accounts.find_key("k1")
    assert found is not None
    assert found.revoked_at == ended
    assert not accounts.has_keys()
    with pytest.raises(KeyNotFoundError, match="there is no key 'k2'"):
        accounts.revoke_key("k2")
