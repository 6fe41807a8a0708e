"""JSON schemas are walked through references, lists and tagged unions."""

from pydantic import TypeAdapter

from services.gateway.schemas import fields, tags
from workers.request import JobRequest

SCHEMA = TypeAdapter(JobRequest).json_schema()


def test_fields_of_the_root_and_of_a_reference() -> None:
    assert "engine" in fields(SCHEMA, ())
    assert fields(SCHEMA, ("resources",)) == ("cpus", "gpus", "workers")


def test_fields_of_a_member_of_a_union() -> None:
    assert "max_tree_depth" in fields(SCHEMA, ("engine", "nuts"))
    assert "observed" in fields(SCHEMA, ("model", "definition", "graph", "sites", 3))


def test_nothing_where_the_schema_names_nothing() -> None:
    assert fields(SCHEMA, ("data", "y", 0)) == ()
    assert tags(SCHEMA, ("data",)) == ()


def test_tags_also_of_a_union_inside_another() -> None:
    assert "nuts" in tags(SCHEMA, ("engine",))
    assert {"graph", "pyro", "catalog"} <= set(tags(SCHEMA, ("model",)))
