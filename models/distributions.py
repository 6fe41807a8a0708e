"""Building distributions by name, and checking what a model gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from models.binding import Entry, Kind, bind, convert, did_you_mean, plain_integer
from models.distribution_table import TABLE
from models.errors import DefinitionError
from models.families.family import AbstractFamily
from models.supports import constraint_from_name
from models.validity import argument_faults, value_fault

__all__ = ["TABLE", "check_arguments", "check_value", "find", "make"]

#: Where `make` leaves the converted arguments on a distribution, for `check_arguments`.
_ARGUMENTS = "credence_arguments"


def find(name: str) -> Entry:
    """Return the table's entry.

    Raises:
        DefinitionError: there is no such distribution.
    """
    if name not in TABLE:
        raise DefinitionError("", f"unknown distribution '{name}'{did_you_mean(name, list(TABLE))}")
    return TABLE[name]


def make(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Distribution:
    """Return the distribution, computing in `dtype` on `device`, without Pyro's own validation.

    Args:
        name: its name in the table.
        args: arguments by position, in Pyro's order: numbers, tensors, distributions, supports.
        kwargs: arguments by Pyro's names.

    Raises:
        DefinitionError: with an empty path, which the caller knows.
    """
    entry = find(name)
    bound = bind(entry, args, kwargs)
    converted: dict[str, Any] = {}
    static: dict[str, int | None] = {}
    for key, value in bound.items():
        argument = entry.argument(key)
        if argument.kind is Kind.CONSTRAINT and isinstance(value, str):
            value = constraint_from_name(value)
        converted[key] = convert(entry, argument, value, dtype, device)
        if argument.kind is Kind.COUNT:
            static["static_count"] = plain_integer(value)
    fn = entry.build(**converted, **static)
    if isinstance(fn, AbstractFamily):
        fn.literals = {k: float(v) for k, v in bound.items() if isinstance(v, int | float)}
    setattr(fn, _ARGUMENTS, converted)
    return fn


def check_arguments(name: str, fn: Distribution) -> list[tuple[str, str]]:
    """Return (argument, sentence) for every constant argument that is not where it may be.

    Args:
        name: the distribution's name in the table.
        fn: what `make` returned for it, on real tensors, before `expand`, `to_event` and `mask`.
            Arguments that require grad are not constants.
    """
    return argument_faults(find(name), vars(fn)[_ARGUMENTS])


def check_value(fn: Distribution, value: Tensor) -> str | None:
    """Return a sentence if the observed value does not fit the distribution's shape or support."""
    return value_fault(fn, value)
