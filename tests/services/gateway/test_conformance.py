"""Whatever the OpenAPI document allows, and whatever it forbids, is answered as the document says.

Schemathesis makes requests for every operation, valid ones and broken ones. No answer may be a
server error, have a status or a media type that is not documented, or a body outside its schema.

A few requests an operation in the suite; `make conformance` sends thousands.
"""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.gateway.app import _ROUTERS, create_app
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.validator import Validator
from services.plots import Kind
from tests.services.gateway.conftest import dispatching, opened
from tests.services.gateway.ended import BODY
from tests.services.gateway.web import BASE, Web, wait

pytestmark = pytest.mark.slow

#: Requests of an operation, half of them valid.
EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "6"))
OPERATIONS = sorted(
    (route.path, method)
    for router in _ROUTERS
    for route in router.routes
    if route.include_in_schema
    for method in route.methods
)
#: How a service says that it is not ready: there are no workers here.
UNREADY = "/readyz"
#: What deletes: for the next request there would be nothing.
DESTRUCTIVE = "DELETE"
#: What answers to nothing that there is here: the rest of the contract, an upload without a
#: shown body, and the evidence of models with at most two unknowns.
NEVER = {
    *(UNREADY, "/v1/compare", "/v1/jobs/{job_id}/predict", "/v1/datasets"),
    "/v1/jobs/{job_id}/evidence",
}


#: Jobs of many kinds: what each is asked, and how it ends.
JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "nuts": ({"engine": {"kind": "nuts", "chains": 2, "warmup": 20, "draws": 20}}, "succeeded"),
    "map": ({"engine": {"kind": "map", "restarts": 1}}, "succeeded"),
    "vi": ({"engine": {"kind": "vi", "steps": 20, "draws": 50}}, "succeeded"),
    "laplace": ({"engine": {"kind": "laplace", "draws": 50}}, "succeeded"),
    "failed": (
        {
            "engine": {"kind": "map"},
            "model": {
                "language": "graph",
                "sites": [
                    {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
                    {"name": "never", "log_factor": "log(-1 - mu * mu)"},
                ],
            },
            "data": {},
        },
        "failed",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="module")
def web(home: Path, validator: Validator) -> Iterator[Web]:
    with opened(home, validator) as deps:
        yield Web(create_app(deps))


@pytest.fixture(scope="module")
def schema(web: Web) -> Any:
    return schemathesis.openapi.from_dict(web.get("/openapi.json").json())


@pytest.fixture(scope="module")
def things(web: Web, home: Path) -> dict[str, list[str]]:
    """What there is, by the names of the parameters in addresses."""
    with dispatching(web.app.state.deps, home):
        jobs = [_job(web, *job) for job in JOBS.values()]
    cancelled = web.post("/v1/jobs", BODY).json()["id"]
    web.post(f"/v1/jobs/{cancelled}/cancel")
    csv = {"Content-Type": "text/csv"}
    dataset = web.request("POST", "/v1/datasets", content=b"y,s\n1,2\n", headers=csv)
    model = web.post("/v1/models", {"definition": EIGHT_SCHOOLS, "data": DATA})
    return {
        "job_id": [*jobs, cancelled],
        "model_id": [model.json()["id"]],
        "dataset_id": [dataset.json()["id"]],
        "kind": list(get_args(Kind)),
    }


def _job(web: Web, asked: dict[str, Any], state: str) -> str:
    """Run a job to its end."""
    answer = web.post("/v1/jobs", {**BODY, "tier": "interpreted", "seed": 1, **asked})
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    found = wait(web, job, "succeeded", "failed")
    assert found["state"] == state, found
    return job


def requested(operation: Any, things: dict[str, list[str]]) -> st.SearchStrategy[Any]:
    """Requests of an operation: valid and broken, of what there is and of what there is not."""
    takes = operation.path_parameters or operation.query or operation.headers or operation.body
    modes = list(GenerationMode) if takes else [GenerationMode.POSITIVE]
    made = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
    bodies = examples(operation)

    @st.composite
    def case(draw: Any) -> Any:
        found = draw(made)
        if operation.method.upper() != DESTRUCTIVE and draw(st.booleans()):
            known = {
                name: draw(st.sampled_from(things[name]))
                for name in found.path_parameters
                if name in things
            }
            found.path_parameters = {**found.path_parameters, **known}
        if bodies and found.media_type == "application/json" and draw(st.booleans()):
            found.body = draw(st.sampled_from(bodies))
        return found

    return case()


def examples(operation: Any) -> list[Any]:
    """The bodies that the document shows."""
    body = operation.definition.raw.get("requestBody", {})
    shown = body.get("content", {}).get("application/json", {}).get("examples", {})
    return [example["value"] for example in shown.values()]


def send(web: Web, case: Any) -> httpx.Response:
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    assert prepared.method is not None
    assert prepared.url is not None
    return web.request(
        prepared.method, prepared.url, content=prepared.body, headers=dict(prepared.headers)
    )


def check(web: Web, case: Any) -> httpx.Response:
    """Send a request; its answer has to be as documented."""
    checks = [
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    if case.path != UNREADY:
        checks.append(not_a_server_error)
    answer = send(web, case)
    case.validate_response(answer, checks=checks)
    return answer


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_documented(
    web: Web, schema: Any, things: dict[str, list[str]], path: str, method: str
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requested(schema[path][method], things))
    def run(case: Any) -> None:
        check(web, case)

    run()


@pytest.mark.parametrize(("path", "method"), [o for o in OPERATIONS if o[1] != DESTRUCTIVE])
def test_what_there_is_is_shown_as_documented(
    web: Web, schema: Any, things: dict[str, list[str]], path: str, method: str
) -> None:
    """Of everything that there is, and with every body that the document shows."""
    operation = schema[path][method]
    names = re.findall(r"{(\w+)}", path)
    bodies = [{"body": body, "media_type": "application/json"} for body in examples(operation)]
    answered = set()
    # Pictures take their time: two jobs have every kind of them.
    jobs = [things["job_id"][n] for n in (0, 2)] if "kind" in names else things["job_id"]
    known = {**things, "job_id": jobs}
    for values in itertools.product(*(known[name] for name in names)):
        for body in bodies or [{}]:
            case = operation.Case(path_parameters=dict(zip(names, values, strict=True)), **body)
            answered.add(check(web, case).status_code)
    if path not in NEVER:
        assert answered & {200, 201, 202}, answered


def test_every_operation_is_asked(schema: Any) -> None:
    documented = {
        (path, method.upper())
        for path, operations in schema.raw_schema["paths"].items()
        for method in operations
    }
    assert set(OPERATIONS) == documented
