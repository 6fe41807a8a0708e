"""Only this machine, and no web page of elsewhere, may speak to a gateway without keys."""

import dataclasses

import pytest

from services.gateway.app import create_app
from services.gateway.auth import UnsafeBindError, check_bind, is_loopback
from services.gateway.deps import Deps
from tests.services.gateway.web import Web, assert_problem


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "::1", "[::1]"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    check_bind(host, insecure=False)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.nip.io"]
)
def test_elsewhere_is_refused_unless_told(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UnsafeBindError, match="--insecure"):
        check_bind(host, insecure=False)
    check_bind(host, insecure=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8000"},
        {"Host": "[::1]:8000"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
    ],
)
def test_own_names_and_origins_pass(web: Web, headers: dict[str, str]) -> None:
    assert web.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example@x["},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Origin": "http://[x"},
        {"Origin": ""},
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/", "/openapi.json", "/nowhere"])
def test_other_names_and_origins_are_refused(web: Web, path: str, headers: dict[str, str]) -> None:
    assert_problem(web.get(path, headers=headers), 403)


def web_of(deps: Deps, **changes: object) -> Web:
    settings = deps.settings.model_copy(update=changes)
    return Web(create_app(dataclasses.replace(deps, settings=settings)))


def test_bound_elsewhere_any_name_passes_but_no_other_origin(deps: Deps) -> None:
    web = web_of(deps, host="0.0.0.0", insecure=True)
    assert web.get("/v1/jobs", headers={"Host": "server.example"}).status_code == 200
    headers = {"Host": "server.example", "Origin": "http://evil.example"}
    assert_problem(web.get("/v1/jobs", headers=headers), 403)


def test_behind_a_published_port_only_listed_names_pass(deps: Deps) -> None:
    web = web_of(deps, host="0.0.0.0", insecure=True, allowed_hosts=("gateway",))
    for name in ("gateway:8000", "GATEWAY", "localhost:8123", "127.0.0.1"):
        assert web.get("/v1/jobs", headers={"Host": name}).status_code == 200
    # A name of the attacker's that resolves to 127.0.0.1: same origin, so only Host tells.
    rebound = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}
    assert_problem(web.get("/v1/jobs", headers=rebound), 403)


def test_no_listed_name_means_loopback_alone(deps: Deps) -> None:
    web = web_of(deps, host="0.0.0.0", insecure=True, allowed_hosts=())
    assert web.get("/v1/jobs", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert_problem(web.get("/v1/jobs", headers={"Host": "gateway"}), 403)


def test_elsewhere_is_bound_where_somebody_has_a_key(deps: Deps) -> None:
    accounts = deps.store.accounts
    with pytest.raises(UnsafeBindError, match="credence keys create"):
        check_bind("0.0.0.0", False, accounts.has_keys)
    accounts.create_key("k", "digest", "ann", ("read",))
    check_bind("0.0.0.0", False, accounts.has_keys)
    accounts.revoke_key("k")
    with pytest.raises(UnsafeBindError):
        check_bind("0.0.0.0", False, accounts.has_keys)
