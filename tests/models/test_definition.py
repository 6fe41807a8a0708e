"""Definitions: five languages, one canonical form, an identity by content."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from models.definition import ModelDefinition, canonical, model_id, parse_definition
from models.errors import DefinitionError, UnavailableError
from models.programs import build_program

MU: dict[str, Any] = {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}}
GRAPH: dict[str, Any] = {"language": "graph", "sites": [MU]}


def test_canonical_form_has_sorted_keys_and_no_defaults() -> None:
    definition = parse_definition(GRAPH)
    assert canonical(definition) == (
        b'{"language":"graph","sites":[{"args":{"loc":0,"scale":1},'
        b'"distribution":"Normal","name":"mu"}]}'
    )


def test_identity_is_by_content_and_owner() -> None:
    args = {"scale": 1, "loc": 0}
    other = {"sites": [{"args": args, "distribution": "Normal", "name": "mu"}]}
    same = parse_definition({"plates": {}, **other, "language": "graph"})
    assert model_id(parse_definition(GRAPH)) == model_id(same)
    assert model_id(same, "ann") != model_id(same)
    changed = parse_definition({**GRAPH, "sites": [{**MU, "name": "nu"}]})
    assert model_id(changed) != model_id(same)
    assert len(model_id(same)) == 64


@pytest.mark.parametrize("language", ["graph", "pyro", "stan", "formula", "catalog"])
def test_round_trip(language: str) -> None:
    raw: dict[str, Any] = {
        "graph": GRAPH,
        "pyro": {"language": "pyro", "source": "def model(y):\n    pass\n"},
        "stan": {"language": "stan", "source": "model {}"},
        "formula": {"language": "formula", "formula": "y ~ x", "family": "bernoulli"},
        "catalog": {"language": "catalog", "name": "eight_schools", "options": {}},
    }[language]
    definition = parse_definition(raw)
    assert parse_definition(definition.model_dump(mode="json")) == definition
    assert definition.model_dump(mode="json", exclude_defaults=True).items() <= raw.items()


@pytest.mark.parametrize(
    ("raw", "path", "fragment"),
    [
        ({}, "model", "discriminator"),
        ({"language": "python"}, "model", "does not match any of the expected tags"),
        ({**GRAPH, "sits": []}, "model.sits", "not permitted"),
        ({**GRAPH, "sites": []}, "model.sites", "at least 1"),
        ({**GRAPH, "sites": [{**MU, "arg": {}}]}, "model.sites[0].arg", "not permitted"),
        ({**GRAPH, "sites": [{**MU, "name": "a b"}]}, "model.sites[0].name", "pattern"),
        ({**GRAPH, "sites": [{**MU, "name": "a\n"}]}, "model.sites[0].name", "pattern"),
        ({**GRAPH, "sites": [{**MU, "name": "a" * 65}]}, "model.sites[0].name", "pattern"),
        ({**GRAPH, "sites": [{"name": "mu"}]}, "model.sites[0]", "exactly one of distribution"),
        ({**GRAPH, "sites": [{**MU, "value": 1}]}, "model.sites[0]", "distribution and value"),
        (
            {**GRAPH, "sites": [{"name": "a", "value": 1, "observed": "y"}]},
            "model.sites[0]",
            "only a site with a distribution has observed",
        ),
        ({"language": "pyro", "source": 1}, "model.source", "string"),
        ({"language": "pyro"}, "model.source", "required"),
    ],
)
def test_malformed(raw: Any, path: str, fragment: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(raw)
    assert caught.value.path == path
    assert fragment in caught.value.message


@pytest.mark.parametrize("raw", [{"language": "stan", "source": "model {}"}])
def test_what_is_no_program_of_ours_says_so(raw: dict[str, str]) -> None:
    with pytest.raises(UnavailableError, match="no program of ours") as caught:
        build_program(parse_definition(raw))
    assert caught.value.path == "model.language"


def test_schema_names_the_languages() -> None:
    schema = TypeAdapter(ModelDefinition).json_schema()
    languages = {"graph", "pyro", "stan", "formula", "catalog"}
    assert set(schema["discriminator"]["mapping"]) == languages
