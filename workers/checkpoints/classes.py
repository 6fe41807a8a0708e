"""The classes that a state may be made of, by name: nothing that a file names is imported."""

import dataclasses
import enum
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType

from pydantic import BaseModel

import workers.engines
import workers.engines.kernels
from models import rows
from workers import goal, memory, results
from workers.checkpoints import checkpoint
from workers.engines.engine import EngineOptions


def name_of(kind: type) -> str:
    """Return the name under which a class is stored: its module's last part and its own."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}"


@functools.cache
def known() -> Mapping[str, type]:
    """Return the dataclasses, named tuples, enums and values of the engines and what they keep.

    The folders of engines and kernels are read, so a newcomer's state is known by being there.
    """
    found = {}
    for module in _modules():
        for _, member in inspect.getmembers(module, inspect.isclass):
            if member.__module__ == module.__name__ and _holds_values(member):
                found[name_of(member)] = member
    return found


def _modules() -> Iterator[ModuleType]:
    yield from (checkpoint, goal, memory, results, rows)
    for package in (workers.engines, workers.engines.kernels):
        for entry in pkgutil.iter_modules(package.__path__):
            if not entry.ispkg:
                yield importlib.import_module(f"{package.__name__}.{entry.name}")


def _holds_values(member: type) -> bool:
    if issubclass(member, BaseModel):
        return not issubclass(member, EngineOptions)
    named = issubclass(member, tuple) and hasattr(member, "_fields")
    return named or dataclasses.is_dataclass(member) or issubclass(member, enum.Enum)
