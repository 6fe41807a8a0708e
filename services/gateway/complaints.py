"""From a schema's refusal to complaints: paths in our form, sentences that say what to write."""

import difflib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from services.errors import Complaint, InvalidInputError
from services.gateway.json import LONGEST_KEY, MAX_COMPLAINTS, join
from services.gateway.schemas import fields, tags

T = TypeVar("T")

#: What a field wants, by pydantic's error type.
_WANTS = {
    "string_type": "a text",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "none_required": "null",
}

#: Sentences by pydantic's error type, filled with the error's context.
_SENTENCES = {
    "missing": "is required; add it",
    "finite_number": "write a finite number",
    "greater_than": "write a number greater than {gt}, not {given}",
    "greater_than_equal": "write a number that is at least {ge}, not {given}",
    "less_than": "write a number less than {lt}, not {given}",
    "less_than_equal": "write a number that is at most {le}, not {given}",
    "literal_error": "write {expected}, not {given}",
    "enum": "write {expected}, not {given}",
    "string_too_long": "write at most {max_length} characters",
    "string_too_short": "write at least {min_length} characters",
    "too_long": "write at most {max_length} entries",
    "too_short": "write at least {min_length} entries",
    "int_parsing_size": "write a smaller integer",
    "string_pattern_mismatch": "write a text that matches {pattern}, not {given}",
}


def parse(adapter: TypeAdapter[T], value: Any, prefix: str = "") -> T:
    """Validate a decoded JSON value against a type.

    Args:
        adapter: the type.
        value: what was posted.
        prefix: the path of `value` itself in the request, such as `engine`.

    Raises:
        InvalidInputError: with every mistake's path and what to write instead.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise InvalidInputError(complaints(error, value, prefix, _schema(adapter))) from None


@cache
def _schema(adapter: TypeAdapter[Any]) -> Mapping[str, Any]:
    return adapter.json_schema()


def complaints(
    error: ValidationError, value: Any, prefix: str = "", schema: Mapping[str, Any] | None = None
) -> list[Complaint]:
    """Return one complaint per place, in the schema's order."""
    by_path: dict[str, list[Mapping[str, Any]]] = {}
    for item in error.errors(include_url=False):
        by_path.setdefault(locate(item, value, prefix), []).append(item)
    return [
        Complaint(path=path, message=_message(items, schema or {}))
        for path, items in list(by_path.items())[:MAX_COMPLAINTS]
    ]


def locate(item: Mapping[str, Any], value: Any, prefix: str = "") -> str:
    """Return the path of an error: its location without the tags of unions.

    The location is walked through the posted value itself: a part that is not there is the name
    of a union's member, unless it is the missing field.
    """
    path, here = prefix, value
    location = item["loc"]
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(here, dict) and part in here and not (_is_tag(here, part) and not last):
            path, here = join(path, part), here[part]
        elif isinstance(here, list) and isinstance(part, int):
            path, here = join(path, part), here[part] if part < len(here) else None
        elif last and item["type"] == "missing":
            path = join(path, part)
    if item["type"].startswith("union_tag"):
        path = join(path, item["ctx"]["discriminator"].strip("'"))
    return path or "body"


def _is_tag(value: Mapping[str, Any], part: Any) -> bool:
    return part in (value.get("kind"), value.get("language"))


def _message(items: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> str:
    """Return the sentence for one place, which a union may have refused in several ways."""
    given = _shown(items[0]["input"])
    if all(item["type"] in _WANTS for item in items):
        wants = list(dict.fromkeys(_WANTS[item["type"]] for item in items))
        return f"write {_either(wants)}, not {given}"
    sentences = dict.fromkeys(sentence(item, schema) for item in items)
    return "; or ".join(sentences)


def sentence(item: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> str:
    """Return what to write instead of what pydantic refused.

    Args:
        item: one of its errors.
        schema: the JSON schema, for the names of fields and tags.
    """
    schema = schema or {}
    kind = item["type"]
    context = dict(item.get("ctx", {}))
    if kind == "extra_forbidden":
        return _unknown_field(str(item["loc"][-1]), fields(schema, item["loc"][:-1]))
    if kind == "union_tag_not_found":
        return f"is required; write one of {', '.join(tags(schema, item['loc']))}"
    if kind == "union_tag_invalid":
        return _unknown_tag(str(context["tag"]), context["expected_tags"])
    if kind == "value_error":
        return str(context["error"])
    if kind in _WANTS:
        return f"write {_WANTS[kind]}, not {_shown(item['input'])}"
    template = _SENTENCES.get(kind)
    if template is None:
        return str(item["msg"])
    shown = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
    return template.format(given=_shown(item["input"]), **shown)


def _unknown_field(name: str, known: Sequence[str]) -> str:
    shown = _shown(name)
    if not known:
        return f"unknown field {shown}; remove it"
    near = difflib.get_close_matches(name[:LONGEST_KEY], known, n=1)
    if near:
        return f"unknown field {shown}; did you mean {near[0]!r}?"
    return f"unknown field {shown}; write one of {', '.join(known)}"


def _unknown_tag(tag: str, expected: str) -> str:
    known = [name.strip().strip("'") for name in expected.split(",")]
    near = difflib.get_close_matches(tag[:LONGEST_KEY], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown: {_shown(tag)}; {hint}write one of {', '.join(known)}"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: Any) -> str:
    """Return a value as JSON, short enough for a sentence."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
