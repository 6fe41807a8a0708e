"""Writing an answer: a result as the JSON that a caller reads."""

import json
import math
from typing import Any

from pydantic import BaseModel

from workers.results import Result, Summary


def write(result: Result) -> bytes:
    """Return `result.json`: absent fields left out, numbers that do not exist as null."""
    return json.dumps(_plain(result), allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(entry) for name, entry in value if not _absent(value, name, entry)}
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _absent(model: BaseModel, name: str, value: object) -> bool:
    """Return whether the field says nothing, as opposed to saying that there is no number.

    A required field is never absent, and neither is what a summary was given: the R-hat of a
    constant scalar is null.
    """
    if value is not None or type(model).model_fields[name].is_required():
        return False
    return not (isinstance(model, Summary) and name in model.model_fields_set)
