"""Pydantic's refusals in our words: paths without union tags, sentences with a way out."""

import time
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.errors import InvalidInputError
from services.gateway.bodies import JOB, POINT
from services.gateway.complaints import parse


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Nuts(Strict):
    kind: Literal["nuts"]
    chains: int = Field(default=4, ge=1, le=4096)
    metric: Literal["diagonal", "dense"] = "diagonal"


class Mle(Strict):
    kind: Literal["mle"]
    level: float = Field(default=0.95, gt=0, lt=1)


class Site(Strict):
    name: str = Field(pattern="^[a-z]+$", max_length=4)
    value: str | float | list[Any] | None = None


class Body(Strict):
    engine: Annotated[Nuts | Mle, Field(discriminator="kind")]
    sites: list[Site] = Field(default=[], max_length=3)


BODY: TypeAdapter[Body] = TypeAdapter(Body)
NUTS = {"kind": "nuts"}
#: Seconds in which a mistake is answered (API.md).
SOON = 5.0


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({}, "engine", "is required; add it"),
        ({"engine": {}}, "engine.kind", "is required; write one of mle, nuts"),
        (
            {"engine": {"kind": "nutz"}},
            "engine.kind",
            "unknown: \"nutz\"; did you mean 'nuts'? write one of nuts, mle",
        ),
        ({"engine": {"kind": 3}}, "engine.kind", 'unknown: "3"; write one of nuts, mle'),
        ({"engine": 5}, "engine", "write an object, not 5"),
        (
            {"engine": {**NUTS, "chain": 1}},
            "engine.chain",
            "unknown field \"chain\"; did you mean 'chains'?",
        ),
        (
            {"engine": {**NUTS, "q": 1}},
            "engine.q",
            'unknown field "q"; write one of kind, chains, metric',
        ),
        ({"engine": {**NUTS, "nuts": 1}}, "engine.nuts", "unknown field"),
        (
            {"engine": {**NUTS, "chains": 0}},
            "engine.chains",
            "write a number that is at least 1, not 0",
        ),
        (
            {"engine": {**NUTS, "chains": 10**9}},
            "engine.chains",
            "write a number that is at most 4096, not 1000000000",
        ),
        ({"engine": {**NUTS, "chains": "x"}}, "engine.chains", 'write an integer, not "x"'),
        ({"engine": {**NUTS, "chains": 1.5}}, "engine.chains", "write an integer, not 1.5"),
        (
            {"engine": {**NUTS, "metric": "full"}},
            "engine.metric",
            "write 'diagonal' or 'dense', not \"full\"",
        ),
        (
            {"engine": {"kind": "mle", "level": 1}},
            "engine.level",
            "write a number less than 1, not 1",
        ),
        (
            {"engine": {"kind": "mle", "level": None}},
            "engine.level",
            "write a number, not null",
        ),
        ({"engine": NUTS, "sites": [{"name": "a"}, {}]}, "sites[1].name", "is required; add it"),
        (
            {"engine": NUTS, "sites": [{"name": "A"}]},
            "sites[0].name",
            'write a text that matches ^[a-z]+$, not "A"',
        ),
        (
            {"engine": NUTS, "sites": [{"name": "abcde"}]},
            "sites[0].name",
            "write at most 4 characters",
        ),
        (
            {"engine": NUTS, "sites": [{"name": "a", "value": {}}]},
            "sites[0].value",
            "write a text, a number or a list, not an object",
        ),
        ({"engine": NUTS, "sites": [{"name": "a"}] * 4}, "sites", "write at most 3 entries"),
        (
            {"engine": NUTS, "sites": [{"name": "a", "b c": 1}]},
            'sites[0]["b c"]',
            "unknown field",
        ),
        ([], "body", "write an object, not a list"),
    ],
)
def test_paths_and_sentences(body: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(BODY, body)
    (complaint,) = caught.value.complaints
    assert complaint.path == path
    assert complaint.message.startswith(message)


def test_a_prefix_stands_before_the_path() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(BODY, {"engine": {}}, "job")
    assert caught.value.complaints[0].path == "job.engine.kind"


def test_a_good_body_is_parsed() -> None:
    assert parse(BODY, {"engine": NUTS}).engine.kind == "nuts"


def test_long_values_are_cut() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(BODY, {"engine": {**NUTS, "chains": "x" * 10**6}})
    assert len(caught.value.detail) < 200


def test_many_mistakes_are_cut() -> None:
    body = {"engine": {**NUTS, **{f"a{i}": 1 for i in range(100)}}}
    with pytest.raises(InvalidInputError) as caught:
        parse(BODY, body)
    assert len(caught.value.complaints) == 20


def test_a_name_of_megabytes_is_compared_by_its_beginning() -> None:
    for body in ({"engine": {**NUTS, "chainz" * 10**6: 1}}, {"engine": {"kind": "nut" * 10**6}}):
        began = time.process_time()
        with pytest.raises(InvalidInputError) as caught:
            parse(BODY, body)
        assert time.process_time() - began < 1.0
        assert len(caught.value.detail) < 600


def test_of_a_million_wrong_entries_few_are_told() -> None:
    formula = {"language": "formula", "formula": "y ~ g", "levels": {"g": [0.5] * 10**6}}
    bodies = (
        (POINT, {"data": {}, "unconstrained": ["x"] * 10**6}, "unconstrained"),
        (JOB, {"model": formula, "engine": NUTS}, "model.levels.g[0]"),
    )
    for kind, body, path in bodies:
        began = time.process_time()
        with pytest.raises(InvalidInputError) as caught:
            parse(kind, body)
        assert time.process_time() - began < SOON
        assert caught.value.complaints[0].path == path
        assert len(caught.value.complaints) <= 20
