"""The rules by topic: each module of this folder has `RULES`, and is found by being here."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from models.native.rule import Rule


@cache
def rules() -> Mapping[Any, Rule]:
    """Return the rule of every operation that is lowered."""
    found: dict[Any, Rule] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        twice = found.keys() & module.RULES.table.keys()
        assert not twice, f"two rules for {twice}"
        found.update(module.RULES.table)
    return found
