"""JSON schemas, walked by the locations that pydantic reports."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]


def fields(schema: Schema, location: Sequence[int | str]) -> tuple[str, ...]:
    """Return the names of the fields at a location; none where the schema names none.

    Args:
        schema: a JSON schema with its `$defs`.
        location: field names, list indices and the tags of unions.
    """
    return tuple(_at(schema, location).get("properties", {}))


def tags(schema: Schema, location: Sequence[int | str]) -> tuple[str, ...]:
    """Return the tags of the union at a location; none where there is no tagged union."""
    return tuple(_mapping(_at(schema, location)))


def _at(schema: Schema, location: Sequence[int | str]) -> Schema:
    root = schema
    for part in location:
        # A tag that the schema does not know stays where it is: the next part tells the member.
        schema = _child(schema, part, root) or schema
    return _resolved(schema, root)


def _mapping(schema: Schema) -> Mapping[str, str]:
    """Return the tags of a union, also where it is a member of another one."""
    found: Mapping[str, str] = schema.get("discriminator", {}).get("mapping", {})
    members = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    return found or next((inner for m in members if (inner := _mapping(m))), {})


def _child(schema: Schema, part: int | str, root: Schema) -> Schema:
    schema = _resolved(schema, root)
    if isinstance(part, int):
        found: Any = schema.get("items")
    elif part in schema.get("discriminator", {}).get("mapping", {}):
        found = {"$ref": schema["discriminator"]["mapping"][part]}
    else:
        found = schema.get("properties", {}).get(part)
    if isinstance(found, Mapping):
        return found
    members = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    return next((child for m in members if (child := _child(m, part, root))), {})


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rsplit("/", 1)[-1], {})
    return schema
