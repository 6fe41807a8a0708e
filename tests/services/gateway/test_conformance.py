"""Whatever the OpenAPI document allows, and whatever it forbids, is answered as the document says.

Schemathesis makes requests for every operation, valid ones and broken ones. No answer may be a
server error, have a status or a media type that is not documented, or a body outside its schema.

A few requests an operation in the suite; `make conformance` sends thousands.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
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
from tests.services.gateway.conftest import opened
from tests.services.gateway.ended import ended
from tests.services.gateway.web import BASE, Web

pytestmark = pytest.mark.slow

#: Requests of an operation, half of them valid.
EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "10"))
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


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, validator: Validator) -> Iterator[Web]:
    with opened(tmp_path_factory.mktemp("conformance"), validator) as deps:
        yield Web(create_app(deps))


@pytest.fixture(scope="module")
def schema(web: Web) -> Any:
    return schemathesis.openapi.from_dict(web.get("/openapi.json").json())


@pytest.fixture(scope="module")
def things(web: Web) -> dict[str, str]:
    """What there is, by the names of the parameters in addresses."""
    rng = np.random.default_rng(1)
    draws = {"mu": rng.normal(size=(4, 50)), "theta": rng.normal(size=(4, 50, 8))}
    csv = {"Content-Type": "text/csv"}
    dataset = web.request("POST", "/v1/datasets", content=b"y,s\n1,2\n", headers=csv).json()
    return {
        "job_id": ended(web, web.app.state.deps, draws)["id"],
        "model_id": web.post("/v1/models", {"definition": EIGHT_SCHOOLS, "data": DATA}).json()[
            "id"
        ],
        "dataset_id": dataset["id"],
    }


def requested(operation: Any, things: dict[str, str]) -> st.SearchStrategy[Any]:
    """Requests of an operation: valid and broken, of what there is and of what there is not."""
    takes = operation.path_parameters or operation.query or operation.headers or operation.body
    modes = list(GenerationMode) if takes else [GenerationMode.POSITIVE]
    made = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
    bodies = examples(operation)

    @st.composite
    def case(draw: Any) -> Any:
        found = draw(made)
        if operation.method.upper() != DESTRUCTIVE and draw(st.booleans()):
            known = {name: things[name] for name in found.path_parameters if name in things}
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


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_documented(
    web: Web, schema: Any, things: dict[str, str], path: str, method: str
) -> None:
    operation = schema[path][method]
    checks = [
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    if path != UNREADY:
        checks.append(not_a_server_error)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requested(operation, things))
    def run(case: Any) -> None:
        case.validate_response(send(web, case), checks=checks)

    run()


def test_every_operation_is_asked(schema: Any) -> None:
    documented = {
        (path, method.upper())
        for path, operations in schema.raw_schema["paths"].items()
        for method in operations
    }
    assert set(OPERATIONS) == documented
