"""The body of a job request: what it takes, what it fills in, what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from workers.engines import ENGINES
from workers.request import Codes, DatasetReference, JobRequest, ModelReference

SITE = {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}}
MODEL = {"language": "graph", "sites": [SITE]}
KIND = next(iter(ENGINES))


def body(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "data": {"y": [1]}, "engine": {"kind": KIND}, **more}


def test_a_short_request_is_stored_with_defaults_and_a_seed_and_without_data() -> None:
    stored = JobRequest.model_validate(body()).stored()
    assert "data" not in stored
    assert 0 <= stored["seed"] < 2**63
    assert (stored["precision"], stored["tier"]) == ("float64", "auto")
    assert stored["resources"] == {"cpus": 1, "gpus": 0, "workers": 1}
    assert len(stored["engine"]) > 1


def test_a_given_seed_is_kept() -> None:
    assert JobRequest.model_validate(body(seed=0)).stored()["seed"] == 0


def test_a_model_may_be_named_by_its_id() -> None:
    request = JobRequest.model_validate(body(model={"id": "abc"}))
    assert request.model == ModelReference(id="abc")


def test_a_text_under_dataset_is_a_reference_and_anything_else_is_data() -> None:
    columns = {"y": "height", "X": ["a", "b"], "g": {"codes": "county"}, "N": 8, "s": 0.5}
    found = JobRequest.model_validate(body(data={"dataset": "abc", "columns": columns})).data
    assert isinstance(found, DatasetReference)
    assert found.columns == {**columns, "g": Codes(codes="county")}
    assert type(found.columns["N"]) is int
    assert JobRequest.model_validate(body(data={"dataset": 5})).data == {"dataset": 5}
    assert JobRequest.model_validate(body(data={"dataset": ["abc"]})).data == {"dataset": ["abc"]}


@pytest.mark.parametrize("kind", ENGINES)
def test_every_engine_is_known(kind: str) -> None:
    assert JobRequest.model_validate(body(engine={"kind": kind})).stored()["engine"]["kind"] == kind


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"seed": -1}, ("seed",)),
        ({"seed": 2**63}, ("seed",)),
        ({"engine": {"kind": "hmmc"}}, ("engine",)),
        ({"engine": {"kind": KIND, "drawz": 1}}, ("engine", KIND, "drawz")),
        ({"precision": "float16"}, ("precision",)),
        ({"limits": {"max_seconds": 0}}, ("limits", "max_seconds")),
        ({"limits": {"max_seconds": float("inf")}}, ("limits", "max_seconds")),
        ({"labels": {"study": "a\x00"}}, ("labels", "study")),
        ({"labels": {"a b": "c"}}, ("labels", "a b", "[key]")),
        ({"model": {"id": ""}}, ("model", "reference", "id")),
        ({"model": {"language": "basic"}}, ("model", "definition")),
        ({"surplus": 1}, ("surplus",)),
        ({"data": [1]}, ("data", "arrays themselves")),
        ({"data": {"dataset": ""}}, ("data", "a reference", "dataset")),
        ({"data": {"dataset": "a", "y": [1]}}, ("data", "a reference", "y")),
        ({"data": {"dataset": "a", "key": "jobs/b"}}, ("data", "a reference", "key")),
        (
            {"data": {"dataset": "a", "columns": {"y": None}}},
            ("data", "a reference", "columns", "y", "a column"),
        ),
        (
            {"data": {"dataset": "a", "columns": {"y": []}}},
            ("data", "a reference", "columns", "y", "a matrix"),
        ),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(
    more: dict[str, Any], place: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate(body(**more))
    assert [error["loc"] for error in caught.value.errors()] == [place]
