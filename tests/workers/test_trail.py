"""Trails: from headers, whatever stands in these."""

import pytest

from workers.trail import NOWHERE, Trail

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_headers_are_taken_as_they_are() -> None:
    trail = Trail.of("my-request.7", PARENT)
    assert (trail.request, trail.traceparent) == ("my-request.7", PARENT)
    assert trail.context() == {
        "request": "my-request.7",
        "trace": "0af7651916cd43dd8448eb211c80319c",
    }


@pytest.mark.parametrize("name", [None, "", "a b", "a\n", 'x"y', "x" * 65, "é"])
def test_what_is_no_name_is_replaced(name: str | None) -> None:
    first, second = Trail.of(name, None), Trail.of(name, None)
    assert first.request is not None
    assert len(first.request) == 32
    assert first.request != second.request
    assert (first.traceparent, first.trace) == (None, None)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "-more",
        "ff" + PARENT[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        "01" + PARENT[2:] + "-" + "x" * 600,
    ],
)
def test_a_parent_that_cannot_be_read_is_none(parent: str) -> None:
    assert Trail.of("a", parent).traceparent is None


def test_a_later_version_may_say_more() -> None:
    later = "01" + PARENT[2:] + "-more"
    assert Trail.of("a", f" {later}\t").traceparent == later


def test_work_that_no_request_asked_for_has_no_context() -> None:
    assert NOWHERE.context() == {}
    assert Trail.model_validate({"of a later": "version"}) == NOWHERE
