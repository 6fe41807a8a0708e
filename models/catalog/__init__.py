"""Ready-made models: one file each, with a docstring, a definition and example data.

A module of this folder is a model: its name is the model's, its docstring describes it, and it
has `DEFINITION` (in any other language) and `DATA`.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from models.binding import did_you_mean
from models.definition import CatalogDefinition, GraphDefinition, PyroDefinition
from models.errors import DefinitionError


@dataclass(frozen=True)
class Ready:
    """A ready-made model."""

    name: str
    #: What it is and where it is from.
    description: str
    definition: GraphDefinition | PyroDefinition
    #: Data with which it runs, as JSON would hold them.
    data: Mapping[str, Any]


@cache
def catalog() -> Mapping[str, Ready]:
    """Return every ready-made model by name."""
    found = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        description = inspect.cleandoc(module.__doc__ or "")
        found[info.name] = Ready(info.name, description, module.DEFINITION, module.DATA)
    return found


def resolve(definition: CatalogDefinition) -> GraphDefinition | PyroDefinition:
    """Return the definition that a catalogue entry stands for.

    Raises:
        DefinitionError: there is no such model, or it has no such option.
    """
    known = catalog()
    if definition.name not in known:
        hint = did_you_mean(definition.name, list(known)) or f"; known are {', '.join(known)}"
        raise DefinitionError("model.name", f"unknown model '{definition.name}'{hint}")
    for option in definition.options:
        raise DefinitionError(
            f"model.options.{option[:64]}", f"'{definition.name}' has no options; remove it"
        )
    return known[definition.name].definition
