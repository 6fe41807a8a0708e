"""What an evaluation carries: dtype, device, precision policy, and the integers that are static."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from models.errors import DefinitionError

#: A value of an expression: a tensor, a Python number, a `StaticInt`, a string, `None`, a tuple, a
#: slice, a distribution or a constraint.
Value = Any

#: Integers of model text stay below this magnitude, as in an int64 tensor.
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class StaticInt:
    """An integer that came from data, with the names of the data it was computed from.

    It may become a shape, a range or a branch, and then its data are part of the compiled graph's
    key; combined with a tensor it is a 0-d tensor.
    """

    value: int
    names: frozenset[str]

    def __post_init__(self) -> None:
        bounded(self.value)


@dataclass(frozen=True)
class Context:
    """How to compute one evaluation of a model."""

    dtype: torch.dtype
    device: torch.device
    #: The precision policy of matrix products: `@`, `matmul`, `dot`.
    matmul: Callable[[Tensor, Tensor], Tensor] = torch.matmul
    #: Check constants, observed values and indices on real tensors; off while tracing.
    checks: bool = False
    #: Names of the data that reached a shape, a range, a slice or a branch.
    static_names: set[str] = field(default_factory=set, compare=False)

    def real(self, value: Value) -> Tensor:
        """Return `value` as a tensor of the run's dtype."""
        if isinstance(value, Tensor):
            return value if value.dtype == self.dtype else value.to(self.dtype)
        if isinstance(value, StaticInt):
            value = value.value
        if isinstance(value, bool | int | float):
            return torch.full((), float(value), dtype=self.dtype, device=self.device)
        if isinstance(value, tuple):
            return self._table(value, self.real, self.dtype)
        raise TypeError(f"expected numbers, got {describe(value)}")

    def tensor(self, value: Value) -> Tensor:
        """Return `value` as a tensor: integers as int64, other numbers in the run's dtype."""
        if isinstance(value, Tensor) and not value.is_floating_point():
            return value.long() if value.dtype == torch.bool else value
        if is_integer(value):
            size = value.value if isinstance(value, StaticInt) else int(value)
            return torch.full((), size, dtype=torch.int64, device=self.device)
        if isinstance(value, tuple) and not is_real(value):
            return self._table(value, self.tensor, torch.int64)
        return self.real(value)

    def _table(
        self, rows: tuple[Value, ...], convert: Callable[[Value], Tensor], dtype: torch.dtype
    ) -> Tensor:
        if not rows:
            return torch.zeros((0,), dtype=dtype, device=self.device)
        if _is_plain(rows):
            return torch.tensor(rows, dtype=dtype, device=self.device)
        return torch.stack([convert(row) for row in rows])

    def static(self, value: Value, purpose: str = "this place") -> int:
        """Return `value` as a Python integer, and remember the data it came from.

        Args:
            value: an integer, or a `StaticInt`.
            purpose: what the integer is for, named in the error.

        Raises:
            TypeError: `value` is no integer that is known before the model runs.
        """
        if isinstance(value, StaticInt):
            self.static_names.update(value.names)
            return value.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(
                f"{purpose} needs an integer that is known before the model runs, "
                f"such as 3, len(y), x.shape[0] or an integer of the data; got {describe(value)}"
            )
        return value

    def truth(self, value: Value) -> bool:
        """Return a static condition as a bool; a condition on a tensor is an error."""
        if isinstance(value, bool) or value is None:
            return bool(value)
        if isinstance(value, int | StaticInt):
            return bool(self.static(value))
        raise TypeError(
            "a condition must be known before the model runs (sizes and integers of the data); "
            f"got {describe(value)}: write where(condition, a, b)"
        )


def as_static(value: Value, context: Context) -> int:
    """Return `value` as a Python integer and add the data it came from to the static names."""
    return context.static(value)


def bounded(value: int) -> int:
    """Return `value`, or raise if it does not fit an int64."""
    if abs(value) > LARGEST_INTEGER:
        raise DefinitionError("", "an integer beyond 2^63 - 1; write it as a float, such as 1e19")
    return value


def finite(value: float) -> float:
    """Return `value`, or raise if it is not finite."""
    if not math.isfinite(value):
        raise DefinitionError("", "a constant that is not finite; write a number below 1.8e308")
    return value


def is_integer(value: Value) -> bool:
    """Whether `value` is a Python integer or boolean, or came from one of the data."""
    return isinstance(value, int | StaticInt)


def is_real(value: Value) -> bool:
    """Whether `value` makes the arithmetic it takes part in real."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if isinstance(value, tuple):
        return any(is_real(item) for item in value)
    return isinstance(value, float)


def describe(value: Value) -> str:
    """Return what kind of thing `value` is, for an error message."""
    if isinstance(value, Tensor):
        return f"an array of shape {tuple(value.shape)}"
    if isinstance(value, StaticInt):
        return f"the integer {value.value}"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if value is None or isinstance(value, bool | int | float):
        return f"{value!r}"
    return f"a {type(value).__name__}"


def _is_plain(value: Value) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, int | float)
