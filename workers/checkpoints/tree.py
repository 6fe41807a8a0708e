"""Values taken apart into JSON and tensors, and put together again.

What may occur: None, booleans, whole numbers, numbers, texts, tuples, lists, mappings with texts as
keys, tensors, NumPy's arrays, and the classes of `classes.py`. What is no plain JSON is an object
with one key that says what it is.
"""

import dataclasses
import enum
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from workers.checkpoints.classes import known, name_of
from workers.checkpoints.errors import PacketError


def take_apart(value: Any) -> tuple[Any, list[Tensor]]:
    """Return a value as JSON (NaN and infinities as Python's json writes them) and its tensors.

    Raises:
        TypeError: something in it is of a kind that is not kept.
    """
    tensors: list[Tensor] = []
    return _json(value, tensors), tensors


def put_together(structure: Any, tensors: list[Tensor]) -> Any:
    """Return the value that was taken apart.

    Raises:
        PacketError: the structure names classes or fields that are not there.
    """
    try:
        return _value(structure, tensors)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PacketError(f"this version keeps no such state: {error!r:.200}") from error


def _json(value: Any, tensors: list[Tensor]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, np.ndarray):
        tensors.append(torch.from_numpy(value))
        return {"array": len(tensors) - 1}
    if isinstance(value, enum.Enum):
        return {"enum": [_named(value), value.value]}
    fields = _fields(value)
    if fields is not None:
        held = {name: _json(getattr(value, name), tensors) for name in fields}
        return {"class": [_named(value), held]}
    if isinstance(value, tuple):
        return {"tuple": [_json(each, tensors) for each in value]}
    if isinstance(value, list):
        return [_json(each, tensors) for each in value]
    if isinstance(value, Mapping):
        return {"mapping": {_key(key): _json(each, tensors) for key, each in value.items()}}
    return _scalar(value)


def _scalar(value: Any) -> str | int | float:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float | np.floating):
        return float(value)
    return operator.index(value)


def _fields(value: Any) -> list[str] | None:
    """Return the fields of an instance of a class of ours; None where it is none."""
    if isinstance(value, BaseModel):
        return list(type(value).model_fields)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return list(value._fields) if isinstance(value, tuple) and hasattr(value, "_fields") else None


def _named(value: Any) -> str:
    name = name_of(type(value))
    if known().get(name) is not type(value):
        raise TypeError(f"{type(value)} is not kept: define it beside the engines")
    return name


def _key(key: Any) -> str:
    if type(key) is not str:
        raise TypeError(f"{key!r} is no text: mappings are kept by texts")
    return key


def _value(structure: Any, tensors: list[Tensor]) -> Any:
    if isinstance(structure, list):
        return [_value(each, tensors) for each in structure]
    if not isinstance(structure, dict):
        return structure
    ((what, held),) = structure.items()
    return _MAKERS[what](held, tensors)


def _instance(held: Any, tensors: list[Tensor]) -> Any:
    name, fields = held
    kind = known()[name]
    values = {field: _value(each, tensors) for field, each in fields.items()}
    expected = _names(kind)
    if set(values) != set(expected):
        raise PacketError(f"{name} has the fields {expected}, not {sorted(values)}")
    try:
        return kind(**values)
    except ValidationError as error:
        raise PacketError(f"{name} cannot be made of what is stored: {error}") from error


def _names(kind: Any) -> list[str]:
    if issubclass(kind, BaseModel):
        return list(kind.model_fields)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return list(kind._fields)


def _member(held: Any, tensors: list[Tensor]) -> Any:
    name, value = held
    return known()[name](value)


_MAKERS: Mapping[str, Callable[[Any, list[Tensor]], Any]] = {
    "tensor": lambda held, tensors: tensors[held],
    "array": lambda held, tensors: tensors[held].numpy(),
    "tuple": lambda held, tensors: tuple(_value(each, tensors) for each in held),
    "mapping": lambda held, tensors: {key: _value(each, tensors) for key, each in held.items()},
    "enum": _member,
    "class": _instance,
}
