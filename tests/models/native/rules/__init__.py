"""A table of small functions for each module of rules: `CASES`, and `ROUNDED` for float32 alone."""

import importlib
import pkgutil

import torch

from tests.models.native.trials import Trial

TOPICS = tuple(
    info.name.removesuffix("_cases")
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name)
    if info.name.endswith("_cases")
)


def cases(dtype: torch.dtype) -> dict[str, Trial]:
    """Return every case by topic and name."""
    found = {}
    for topic in TOPICS:
        module = importlib.import_module(f"{__name__}.{topic}_cases")
        table = dict(module.CASES)
        if dtype == torch.float32:
            table |= getattr(module, "ROUNDED", {})
        found.update({f"{topic}: {name}": one for name, one in table.items()})
    return found
