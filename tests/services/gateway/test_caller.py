"""Callers: their scopes, and whose quotas they have."""

import pytest

from services.errors import MissingScopeError
from services.gateway.caller import LOCAL, Caller
from services.gateway.settings import GatewaySettings
from services.keys import SCOPES
from workers.store.quotas import UNLIMITED, Quotas, Terms

SETTINGS = GatewaySettings(max_queue=9, quota_queued_jobs=5, quota_stored_bytes=100)


def test_a_scope_is_held_or_named() -> None:
    caller = Caller(owner="ann", key="k", scopes=frozenset({"read"}))
    caller.check("read")
    with pytest.raises(MissingScopeError, match="'submit'"):
        caller.check("submit")
    for scope in SCOPES:
        LOCAL.check(scope)


def test_without_a_key_there_are_no_quotas_but_a_queue() -> None:
    assert LOCAL.terms(SETTINGS) == Terms(quotas=UNLIMITED, queue=9)


def test_a_keys_quotas_come_before_the_services() -> None:
    quotas = {"queued_jobs": None, "cpu_seconds": 60}
    caller = Caller(owner="ann", key="k", quotas=quotas)
    expected = Quotas(queued_jobs=None, cpu_seconds=60, stored_bytes=100)
    assert caller.terms(SETTINGS) == Terms(quotas=expected, queue=9)
