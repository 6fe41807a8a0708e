"""Data sets over HTTP: posted, listed, fitted to, deleted."""

import json
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from services.gateway.app import create_app
from services.gateway.auth import OWNER
from services.gateway.caller import Caller
from services.gateway.deps import Deps, get_author, get_reader
from services.gateway.examples import DATA, DATASET_CSV, DATASET_JSON, EIGHT_SCHOOLS
from tests.services.gateway.conftest import MAX_BODY
from tests.services.gateway.ingest.posting import file, overlapping, parquet, stream
from tests.services.gateway.web import Web, assert_problem, wait
from workers.dispatch.dispatcher import Dispatcher

PATH = "/v1/datasets"
TABLE = pa.table(DATASET_JSON)
#: Media type -> the same eight schools.
BODIES = {
    "application/json": json.dumps(DATASET_JSON).encode(),
    "text/csv": DATASET_CSV.encode(),
    "text/csv; charset=utf-8; header=present": DATASET_CSV.replace("\n", "\r\n").encode(),
    "application/vnd.apache.arrow.stream": stream(TABLE),
    "application/vnd.apache.arrow.file": file(TABLE),
    "application/vnd.apache.parquet": parquet(TABLE),
}
NUTS = {"kind": "nuts", "chains": 2, "warmup": 30, "draws": 20}


def post(web: Web, body: Any = BODIES["text/csv"], media_type: str = "text/csv") -> Any:
    return web.post(PATH, body, headers={"Content-Type": media_type})


def job(data: Any, **more: Any) -> dict[str, Any]:
    return {"model": EIGHT_SCHOOLS, "data": data, "engine": NUTS, "seed": 7, **more}


def test_one_content_is_one_data_set_in_every_format(web: Web, deps: Deps) -> None:
    answers = [post(web, body, media_type) for media_type, body in BODIES.items()]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200]
    first = answers[0].json()
    assert all(answer.json() == first for answer in answers)
    assert set(first) == {"id", "columns", "shapes", "bytes", "created_at"}
    assert first["columns"] == [
        {"name": "y", "dtype": "int64", "shape": [8], "levels": None},
        {"name": "sigma", "dtype": "int64", "shape": [8], "levels": None},
        {"name": "school", "dtype": "text", "shape": [8], "levels": 8},
    ]
    assert first["shapes"] == {"y": [8], "sigma": [8], "school": [8]}
    assert first["bytes"] >= 3 * 8 * 8
    assert answers[0].headers["location"] == f"{PATH}/{first['id']}"
    assert web.get(f"{PATH}/{first['id']}").json() == first
    assert web.get(PATH).json() == {"datasets": [first], "next_page_token": None}
    # What was posted again has left nothing.
    assert len(deps.artifacts.list("datasets")) == 1


@pytest.mark.slow
def test_pages(web: Web) -> None:
    ids = [post(web, f"y\n{number}\n".encode()).json()["id"] for number in range(3)]
    first = web.get(PATH, params={"page_size": 2}).json()
    rest = web.get(PATH, params={"page_token": first["next_page_token"]}).json()
    assert [found["id"] for found in first["datasets"] + rest["datasets"]] == ids[::-1]
    found = assert_problem(web.get(PATH, params={"page_size": 0}), 422)
    assert found["errors"][0]["path"] == "page_size"


def test_an_owner_sees_its_own(web: Web, deps: Deps) -> None:
    mine = post(web).json()["id"]
    app = create_app(deps)
    app.dependency_overrides[get_reader] = lambda: "somebody"
    app.dependency_overrides[get_author] = lambda: Caller(owner="somebody")
    other = Web(app)
    assert_problem(other.get(f"{PATH}/{mine}"), 404)
    assert_problem(other.delete(f"{PATH}/{mine}"), 404)
    assert other.get(PATH).json()["datasets"] == []
    found = assert_problem(other.post("/v1/jobs", job({"dataset": mine})), 422)
    assert found["errors"][0]["path"] == "data.dataset"
    answer = post(other)
    assert answer.status_code == 201
    assert answer.json()["id"] != mine


BOMB = overlapping(parquet(pa.table({"y": np.zeros(1_000_000)}), row_group_size=10**6), 11)
WIDE = ",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join(["1"] * 10_000) + "\n"
#: Name -> media type, body, status, and how a path in the answer starts.
BAD: dict[str, tuple[str, bytes, int, str]] = {
    "bad row": ("text/csv", b"y,x\n1,2\n3\n", 422, "line 3, column 2"),
    "mixed types": ("text/csv", b"y,x\n1,2\n3,two\n", 422, "line 3, column 2"),
    "10 000 columns": ("text/csv", WIDE.encode(), 422, "line 1"),
    "bomb": ("application/vnd.apache.parquet", BOMB, 422, "body"),
    "no JSON": ("application/json", b"{", 400, ""),
    "unknown type": ("text/plain", b"y\n1\n", 415, ""),
    "no type": ("", b"y\n1\n", 415, ""),
    "over the limit": ("text/csv", b"y\n" + b"1\n" * MAX_BODY, 413, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_sets_are_refused(web: Web, deps: Deps, name: str) -> None:
    media_type, body, status, path = BAD[name]
    began = time.perf_counter()
    found = assert_problem(post(web, body, media_type), status)
    assert time.perf_counter() - began < 5.0
    if path:
        assert found["errors"][0]["path"].startswith(path), found
    assert deps.store.list_datasets(OWNER) == ([], None)
    assert deps.artifacts.list("datasets") == []


def test_a_compressed_body_is_refused(web: Web) -> None:
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    assert_problem(web.post(PATH, b"y\n1\n", headers=headers), 415)


def test_it_is_kept_until_no_unfinished_job_needs_it(web: Web, deps: Deps) -> None:
    made = post(web).json()["id"]
    queued = web.post("/v1/jobs", job({"dataset": made})).json()["id"]
    found = assert_problem(web.delete(f"{PATH}/{made}"), 409)
    assert queued in found["detail"]
    web.post(f"/v1/jobs/{queued}/cancel")
    assert web.delete(f"{PATH}/{made}").status_code == 204
    assert deps.artifacts.list("datasets") == []
    assert_problem(web.get(f"{PATH}/{made}"), 404)
    assert_problem(web.delete(f"{PATH}/{made}"), 404)
    gone = assert_problem(web.post("/v1/jobs", job({"dataset": made})), 422)
    assert gone["errors"][0]["path"] == "data.dataset"
    # Posted anew, it is there under the same id.
    assert post(web).json()["id"] == made
    assert web.post("/v1/jobs", job({"dataset": made})).status_code == 202


def test_a_data_set_deleted_while_a_job_is_checked_is_a_refusal(web: Web, deps: Deps) -> None:
    """Deleted after the check, before the job's row: the transaction sees it."""
    made = post(web).json()["id"]
    check = deps.validator.check

    class Deleting:
        def check(self, definition: Any, data: Any = None) -> dict[str, Any]:
            found = check(definition, data)
            if data is not None:
                deps.artifacts.delete(deps.store.delete_dataset(OWNER, made))
            return found

    racing = Deps(**{**vars(deps), "validator": Deleting()})
    answer = Web(create_app(racing)).post("/v1/jobs", job({"dataset": made}))
    found = assert_problem(answer, 422)
    assert found["errors"][0]["path"] == "data.dataset"
    assert deps.store.list_jobs(None) == ([], None)


#: Columns, and the path and a part of the sentence in the answer.
BAD_COLUMNS: list[tuple[Any, str, str]] = [
    ({"y": "Y2"}, "data.columns.y", "no column 'Y2'"),
    ({"y": "sigmo"}, "data.columns.y", "did you mean 'sigma'"),
    ({"y": "school"}, "data.columns.y", '{"codes": "school"}'),
    ({"y": {"codes": "shool"}}, "data.columns.y.codes", "did you mean 'school'"),
    ({"y": ["y", "school"]}, "data.columns.y[1]", "holds text"),
    ({"y": {"code": "school"}}, "data.columns.y.code", "unknown field"),
    ({"y": []}, "data.columns.y", "at least 1"),
    ({"y": None}, "data.columns.y", "write a text"),
    ({"z": "y"}, "data.z", "the model does not read 'z'"),
    ([], "data.columns", "write an object"),
]


def test_bad_columns_are_refused(web: Web, deps: Deps) -> None:
    made = post(web).json()["id"]
    for columns, path, sentence in BAD_COLUMNS:
        answer = web.post("/v1/jobs", job({"dataset": made, "columns": columns}))
        found = assert_problem(answer, 422)["errors"]
        assert any(c["path"] == path and sentence in c["message"] for c in found), found
    assert deps.store.list_jobs(None) == ([], None)


def test_a_column_that_the_model_misses_is_named(web: Web) -> None:
    made = post(web, b"y,sigm\n1,2\n").json()["id"]
    found = assert_problem(web.post("/v1/jobs", job({"dataset": made})), 422)
    assert found["errors"][0]["path"] == "data.columns.sigma"
    assert "did you mean 'sigm'" in found["errors"][0]["message"]


def test_an_array_called_dataset_is_data(web: Web) -> None:
    source = "def model(dataset):\n    mu = pyro.sample('mu', dist.Normal(0., 1.))\n"
    source += "    pyro.sample('y', dist.Normal(mu, 1.), obs=dataset)\n"
    body = job({"dataset": 5.0}, model={"language": "pyro", "source": source})
    assert web.post("/v1/jobs", body).status_code == 202


@pytest.mark.slow
def test_models_take_data_sets_too(web: Web) -> None:
    made = {"dataset": post(web).json()["id"]}
    model = web.post("/v1/models", {"definition": EIGHT_SCHOOLS, "data": made}).json()
    assert {"name": "y", "shape": [8], "dtype": "int64"} in model["data"]
    path = f"/v1/models/{model['id']}/log_density"
    at = {"unconstrained": [0.1] * 10}
    assert (
        web.post(path, {"data": made, **at}).json() == web.post(path, {"data": DATA, **at}).json()
    )
    found = assert_problem(web.post(path, {"data": {"dataset": "none"}, **at}), 422)
    assert found["errors"][0]["path"] == "data.dataset"


@pytest.mark.slow
def test_the_same_key_and_reference_give_the_first_job_again(web: Web) -> None:
    made = post(web).json()["id"]
    headers = {"Idempotency-Key": "a-key"}
    first = web.post("/v1/jobs", job({"dataset": made}), headers=headers)
    again = web.post("/v1/jobs", job({"dataset": made}), headers=headers)
    assert first.json() == again.json()
    other = job({"dataset": made, "columns": {"y": "y"}})
    assert_problem(web.post("/v1/jobs", other, headers=headers), 422)


REGRESSION = (
    "def model(y, X, g, G, scale):\n"
    "    b = pyro.sample('b', dist.Normal(0., 1.).expand([2]).to_event(1))\n"
    "    with pyro.plate('group', G):\n"
    "        a = pyro.sample('a', dist.Normal(0., scale))\n"
    "    with pyro.plate('row', len(y)):\n"
    "        pyro.sample('obs', dist.Normal(X @ b + a[g], 1.), obs=y)\n"
)
ROWS = b"height,x1,x2,county\n0.1,1,0.3,b\n1e-3,2,0.7,a\n2.5,3,-1.1,b\n-0.7,4,1e2,c\n"
LITERAL = {
    "y": [0.1, 1e-3, 2.5, -0.7],
    "X": [[1, 0.3], [2, 0.7], [3, -1.1], [4, 1e2]],
    "g": [1, 0, 1, 2],
    "G": 3,
    "scale": 0.5,
}
COLUMNS = {"y": "height", "X": ["x1", "x2"], "g": {"codes": "county"}, "G": 3, "scale": 0.5}


@pytest.mark.slow
def test_a_fit_from_a_data_set_is_that_from_its_numbers(web: Web, dispatcher: Dispatcher) -> None:
    """Bit for bit; and the draws outlive the data set."""
    made = post(web, ROWS).json()["id"]
    model = {"language": "pyro", "source": REGRESSION}
    bodies = [
        # The same bits need the same tier, which `auto` picks by what was compiled before.
        job({"dataset": made, "columns": COLUMNS}, model=model, tier="interpreted"),
        job(LITERAL, model=model, tier="interpreted"),
    ]
    ids = [web.post("/v1/jobs", body).json()["id"] for body in bodies]
    for each in ids:
        assert wait(web, each, "succeeded", "failed")["state"] == "succeeded"
    draws, literal = (web.get(f"/v1/jobs/{i}/draws?format=arrow").content for i in ids)
    assert draws == literal
    assert web.delete(f"{PATH}/{made}").status_code == 204
    assert web.get(f"/v1/jobs/{ids[0]}/draws?format=arrow").content == literal
