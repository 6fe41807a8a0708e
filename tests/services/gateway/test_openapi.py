"""The OpenAPI document: bodies, an example per engine that is accepted, problems per route."""

from typing import Any

import pytest

from services.gateway.examples import jobs
from tests.services.gateway.web import Web
from workers.engines import ENGINES

EXAMPLES = jobs(tuple(ENGINES))


@pytest.fixture
def document(web: Web) -> dict[str, Any]:
    found: dict[str, Any] = web.get("/openapi.json").json()
    return found


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_every_engine_has_an_example_and_its_defaults(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == set(ENGINES)
    schemas = document["components"]["schemas"]
    assert schemas["NutsOptions"]["properties"]["chains"]["maximum"] == 4096
    assert "default" in schemas["NutsOptions"]["properties"]["draws"]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_example_is_accepted(web: Web, kind: str) -> None:
    answer = web.post("/v1/jobs", EXAMPLES[kind])
    assert answer.status_code == 202, answer.text


def test_every_route_of_the_contract_names_its_problems(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/") or path == "/v1/catalog":
            continue
        for operation in operations.values():
            problems = [
                answer
                for status, answer in operation["responses"].items()
                if status.startswith(("4", "5"))
            ]
            assert problems, path
            assert all("application/problem+json" in p["content"] for p in problems), path
