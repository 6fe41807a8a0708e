"""The audit log over HTTP: for administrators, of all owners."""

from services.gateway.deps import Deps
from tests.services.gateway.keyed import app_of, caller
from tests.services.gateway.web import Web, assert_problem


def test_an_administrator_sees_what_all_did(deps: Deps) -> None:
    app = app_of(deps)
    ann, bob = caller(app, "ann"), caller(app, "bob")
    root = caller(app, "root", ("admin",))
    for who in (ann, bob):
        who.post("/v1/jobs/none/cancel")
    whole = root.get("/v1/audit").json()
    assert whole["next_page_token"] is None
    first = whole["entries"][0]
    assert set(first) == {"number", "at", "key_id", "owner", "action", "object", "outcome"}
    assert (first["owner"], first["key_id"], first["outcome"]) == (
        "bob",
        bob.key_id,
        "job-not-found",
    )
    assert [entry["owner"] for entry in whole["entries"]] == ["bob", "ann", "root", "bob", "ann"]
    only = root.get("/v1/audit", params={"owner": "ann", "page_size": 1}).json()
    assert [entry["action"] for entry in only["entries"]] == ["cancel_job"]
    rest = root.get(
        "/v1/audit", params={"owner": "ann", "page_token": only["next_page_token"]}
    ).json()
    assert [entry["action"] for entry in rest["entries"]] == ["create_key"]
    assert_problem(root.get("/v1/audit", params={"page_token": "x"}), 422)


def test_without_keys_it_is_the_owners(web: Web) -> None:
    web.post("/v1/jobs/none/cancel")
    (entry,) = web.get("/v1/audit").json()["entries"]
    assert (entry["owner"], entry["key_id"], entry["object"]) == ("local", None, "none")
