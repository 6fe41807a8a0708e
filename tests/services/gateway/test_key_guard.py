"""Keys over HTTP: asked for, told apart, limited, and what each may do."""

import re

import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.key_guard import OPEN
from services.keys import make_key
from tests.services.gateway.keyed import Keyed, app_of, caller
from tests.services.gateway.web import Web, assert_problem

BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts", "draws": 10}, "seed": 7}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "nonsense"])
def test_without_a_key_nothing_of_the_contract_answers(deps: Deps, header: str | None) -> None:
    web = Web(app_of(deps))
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/nowhere")):
        answer = web.request(method, path, headers=headers)
        found = assert_problem(answer, 401)
        assert found["type"].endswith(":unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in OPEN:
        assert web.get(path, headers=headers).status_code in (200, 503)


def test_a_key_that_does_not_count_is_told_so(deps: Deps) -> None:
    app = app_of(deps)
    ann = caller(app)
    forged = f"credence_{ann.key_id}_{make_key().text.split('_', 2)[2]}"
    revoked = caller(app)
    deps.store.accounts.revoke_key(revoked.key_id)
    for key in ("x", make_key().text, forged, revoked.key):
        answer = Keyed(app, key, "").get("/v1/jobs")
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert ann.get("/v1/jobs").status_code == 200


def test_a_body_is_not_read_before_the_key(deps: Deps) -> None:
    web = Web(app_of(deps))
    assert_problem(web.post("/v1/jobs", b"x" * 2**21), 401)


def test_on_loopback_no_key_is_asked_for_and_none_counts(web: Web) -> None:
    assert web.get("/v1/jobs", headers={"Authorization": "Bearer x"}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "127.0.0.1", "require_keys": True}, True),
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "insecure": True}, False),
        ({"host": "0.0.0.0", "insecure": True, "require_keys": True}, True),
    ],
)
def test_when_keys_are_asked_for(deps: Deps, changes: dict[str, object], asked: bool) -> None:
    web = Web(app_of(deps, **{"require_keys": False, **changes}))
    assert web.get("/v1/jobs").status_code == (401 if asked else 200)


def test_a_scope_that_is_missing_is_named(deps: Deps) -> None:
    app = app_of(deps)
    reader, writer, admin = (caller(app, "ann", (s,)) for s in ("read", "submit", "admin"))
    job = writer.post("/v1/jobs", BODY)
    assert job.status_code == 202
    path = job.json()["links"]["self"]
    assert reader.get(path).status_code == 200
    assert admin.get("/v1/audit").status_code == 200
    refused = [
        (writer.get(path), "read"),
        (admin.get(path), "read"),
        (reader.post("/v1/jobs", BODY), "submit"),
        (reader.post(f"{path}/cancel"), "submit"),
        (reader.delete(path), "submit"),
        (admin.post("/v1/jobs", BODY), "submit"),
        (reader.get("/v1/audit"), "admin"),
        (writer.get("/v1/audit"), "admin"),
    ]
    for answer, scope in refused:
        found = assert_problem(answer, 403)
        assert found["type"].endswith(":missing-scope")
        assert f"'{scope}'" in found["detail"]
        wanted = f'Bearer error="insufficient_scope", scope="{scope}"'
        assert answer.headers["www-authenticate"] == wanted
    assert reader.get(path).json()["state"] == "queued"


def test_a_key_that_asks_too_often_waits(deps: Deps) -> None:
    app = app_of(deps, rate_per_second=0.25, rate_burst=3)
    ann, bob = caller(app), caller(app)
    answers = [ann.get("/v1/catalog") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert assert_problem(answers[3], 429)["type"].endswith(":rate-limited")
    assert answers[3].headers["retry-after"] in ("3", "4")
    assert bob.get("/v1/catalog").status_code == 200
    assert ann.get("/healthz").status_code == 200


def test_quotas_of_a_key_come_before_the_services(deps: Deps) -> None:
    app = app_of(deps, quota_queued_jobs=1)
    ann, bob = caller(app), caller(app, queued_jobs=2)
    for who, limit in ((ann, 1), (bob, 2)):
        for seed in range(limit):
            assert who.post("/v1/jobs", {**BODY, "seed": seed}).status_code == 202
        answer = who.post("/v1/jobs", BODY)
        found = assert_problem(answer, 429)
        assert found["type"].endswith(":quota-exceeded")
        assert (found["quota"], found["limit"], found["used"]) == ("queued_jobs", limit, limit)
        assert re.fullmatch("[1-9][0-9]*", answer.headers["retry-after"])


@pytest.mark.parametrize(
    ("quota", "limit", "seconds"),
    [("queued_jobs", 0, 10), ("cpu_seconds", 0.0, 86_400), ("stored_bytes", 100, 60)],
)
def test_each_quota_says_when_to_come_back(
    deps: Deps, quota: str, limit: float, seconds: int
) -> None:
    ann = caller(app_of(deps), **{quota: limit})
    answer = ann.post("/v1/jobs", BODY)
    found = assert_problem(answer, 429)
    assert found["type"].endswith(":quota-exceeded")
    assert (found["quota"], found["limit"]) == (quota, limit)
    wait = int(answer.headers["retry-after"])
    # Of the day's processor time the rest of the day is left to wait.
    assert 0 < wait <= seconds
    assert wait == seconds or quota == "cpu_seconds"
    assert deps.store.list_jobs(None) == ([], None)


def test_jobs_beyond_those_that_may_run_wait(deps: Deps) -> None:
    app = app_of(deps, quota_running_jobs=2)
    ann, bob = caller(app, running_jobs=1), caller(app)
    for who in (ann, bob):
        for seed in range(3):
            assert who.post("/v1/jobs", {**BODY, "seed": seed}).status_code == 202
    claims = [deps.store.claim("w", 30) for _ in range(4)]
    owners = [claim.job.owner for claim in claims if claim is not None]
    assert sorted(owners) == sorted([ann.key_id, bob.key_id, bob.key_id])


def test_a_full_queue_says_when_to_come_back(deps: Deps) -> None:
    app = app_of(deps, max_queue=1, require_keys=False)
    web = Web(app)
    headers = {"Idempotency-Key": "a"}
    first = web.post("/v1/jobs", BODY, headers=headers)
    assert first.status_code == 202
    answer = web.post("/v1/jobs", {**BODY, "seed": 8})
    assert assert_problem(answer, 503)["type"].endswith(":queue-full")
    assert answer.headers["retry-after"] == "10"
    assert web.post("/v1/jobs", BODY, headers=headers).json() == first.json()
