"""The application as a whole: everything that it refuses is a problem, whatever is sent."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem

GOOD = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}, "seed": 7}
UNKNOWN = "/v1/models/unknown"


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/jobs/", "/v1/jobs/a/b", "/v1/jobs/x"])
def test_unknown_addresses_and_things_are_problems(web: Web, path: str) -> None:
    assert_problem(web.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/jobs"), ("DELETE", "/v1/models"), ("POST", "/healthz"), ("PATCH", "/")],
)
def test_wrong_methods_are_problems(web: Web, method: str, path: str) -> None:
    answer = web.request(method, path)
    assert_problem(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/compare"),
        ("POST", "/v1/jobs/x/predict"),
    ],
)
def test_parts_that_are_to_come_say_so(web: Web, method: str, path: str) -> None:
    found = assert_problem(web.request(method, path), 422)
    assert "not available yet" in found["detail"]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/models", f"{UNKNOWN}/log_density"])
@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"null", b"{", b"\xff", b"[" * 500])
def test_malformed_bodies_are_problems(web: Web, path: str, body: bytes) -> None:
    answer = web.post(path, body)
    assert_problem(answer)
    assert answer.status_code in (400, 404, 422)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "y", "mu + 1", "9**9**9", "nuts", "graph", "\0", "len(y)", "1e400"])
    | st.text(max_size=5)
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "id", "y", "language"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path]
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*path, key))
    return found


PLACES = places(GOOD)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=st.sampled_from(PLACES), value=_TREES)
def test_no_body_makes_a_server_error(web: Web, place: tuple[Any, ...], value: Any) -> None:
    """One part of a good job is replaced by anything."""
    body = json.loads(json.dumps(GOOD))
    if place:
        here = body
        for key in place[:-1]:
            here = here[key]
        here[place[-1]] = value
    else:
        body = value
    answer = web.post("/v1/jobs", body)
    if answer.status_code != 202:
        assert_problem(answer)
        assert 400 <= answer.status_code < 500, answer.text


def test_what_the_application_did_wrong_is_a_problem_that_tells_nothing(web: Web) -> None:
    def broken() -> None:
        raise RuntimeError("secret")

    web.app.add_api_route("/broken", broken)
    with pytest.raises(RuntimeError, match="secret"):
        web.get("/broken")
