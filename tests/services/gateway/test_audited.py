"""What is refused is written down beside what is done."""

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.keyed import app_of, caller
from tests.services.gateway.web import assert_problem

BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts", "draws": 10}, "seed": 7}


def test_deeds_and_refusals_are_told_with_their_key(deps: Deps) -> None:
    app = app_of(deps)
    ann = caller(app, "ann", queued_jobs=1)
    reader = caller(app, "ann", ("read",))
    job = ann.post("/v1/jobs", BODY).json()["id"]
    assert_problem(ann.post("/v1/jobs", {**BODY, "seed": 8}), 429)
    assert_problem(ann.delete(f"/v1/jobs/{job}"), 409)
    assert_problem(ann.post("/v1/jobs/none/cancel"), 404)
    assert_problem(reader.delete(f"/v1/jobs/{job}"), 403)
    ann.post(f"/v1/jobs/{job}/cancel")
    entries = reversed(deps.store.accounts.audit("ann")[0])
    found = [(e.key_id, e.action, e.object, e.outcome) for e in entries]
    assert found == [
        (None, "create_key", ann.key_id, "done"),
        (None, "create_key", reader.key_id, "done"),
        (ann.key_id, "submit_job", job, "done"),
        (ann.key_id, "submit_job", None, "quota-exceeded"),
        (ann.key_id, "delete_job", job, "job-active"),
        (ann.key_id, "cancel_job", "none", "job-not-found"),
        (reader.key_id, "use_submit", f"DELETE /v1/jobs/{job}", "missing-scope"),
        (ann.key_id, "cancel_job", job, "done"),
    ]
