"""Binding of a distribution's arguments: names, defaults, alternatives, conversion to one dtype."""

import difflib
import enum
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from models.context import StaticInt
from models.errors import DefinitionError


class Kind(enum.StrEnum):
    """What an argument may be."""

    #: A real tensor; numbers and integer tensors are converted to the run's dtype.
    REAL = "real"
    #: A count that may be a tensor; a plain integer stays known, so that values can be listed.
    COUNT = "count"
    #: A plain integer that decides a shape.
    SIZE = "size"
    #: A tuple of plain integers.
    SHAPE = "shape"
    #: Another distribution.
    DISTRIBUTION = "distribution"
    #: A support: a constraint, or its name.
    CONSTRAINT = "constraint"


class _Required(enum.Enum):
    REQUIRED = "required"


REQUIRED = _Required.REQUIRED


@dataclass(frozen=True)
class Argument:
    """One argument of a distribution."""

    name: str
    #: What its values must satisfy; `None` where any value of its kind will do.
    constraint: Constraint | None = None
    kind: Kind = Kind.REAL
    #: The value when it is left out; `None` where another argument may stand instead.
    default: Any = REQUIRED
    #: The least value of a size.
    least: int = 0


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    name: str
    #: In Pyro's positional order.
    arguments: tuple[Argument, ...]
    #: Called with every argument by name (those left at `None` omitted), already converted.
    build: Callable[..., Distribution]
    #: Groups of which exactly one argument must be given, such as `probs` and `logits`.
    choices: tuple[tuple[str, ...], ...] = ()
    #: How many leading arguments may be given by position; all where `None`.
    positional: int | None = None
    #: Each takes the constant arguments and returns (argument, sentence) where they disagree.
    relations: tuple[Callable[[Mapping[str, Any]], tuple[str, str] | None], ...] = ()
    #: The class that is built, where `build` is a function.
    family: type[Distribution] | None = None

    @property
    def support(self) -> Constraint | None:
        """Its support where that is the same whatever the arguments, else `None`."""
        declared = self._declared_support()
        return None if declared is None or constraints.is_dependent(declared) else declared

    @property
    def discrete(self) -> bool | None:
        """Whether its values are whole numbers; `None` where its arguments decide."""
        declared = self._declared_support()
        try:
            return None if declared is None else bool(declared.is_discrete)
        except NotImplementedError:
            return None

    def _declared_support(self) -> Constraint | None:
        built = self.build.func if isinstance(self.build, partial) else self.build
        declared = getattr(self.family or built, "support", None)
        return declared if isinstance(declared, Constraint) else None

    def argument(self, name: str) -> Argument:
        """Return the argument called `name`; `KeyError` if there is none."""
        for argument in self.arguments:
            if argument.name == name:
                return argument
        raise KeyError(name)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, or the empty string."""
    lowered = {candidate.lower(): candidate for candidate in known}
    # Of a name that goes on for megabytes the beginning is compared: it takes its square.
    near = difflib.get_close_matches(name[:256].lower(), list(lowered), n=1, cutoff=0.6)
    return f"; did you mean '{lowered[near[0]]}'?" if near else ""


def bind(entry: Entry, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given arguments by name, defaults filled in, `None` left out.

    Raises:
        DefinitionError: an argument is unknown, surplus, given twice, missing or exclusive.
    """
    names = [argument.name for argument in entry.arguments]
    bound = _by_name(entry, names, args, kwargs)
    for argument in entry.arguments:
        if bound.get(argument.name) is not None:
            continue
        if argument.default is REQUIRED:
            raise DefinitionError(
                "", f"{entry.name} needs the argument '{argument.name}': {signature(entry)}"
            )
        bound[argument.name] = argument.default
    bound = {name: bound[name] for name in names if bound[name] is not None}
    for choice in entry.choices:
        _check_choice(entry, choice, bound)
    return bound


def _by_name(
    entry: Entry, names: list[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    most = len(names) if entry.positional is None else entry.positional
    if len(args) > most:
        raise DefinitionError(
            "", f"{entry.name} takes at most {most} arguments by position: {signature(entry)}"
        )
    bound = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            raise DefinitionError(
                "",
                f"{entry.name} has no argument '{name}'"
                f"{did_you_mean(name, names) or f': {signature(entry)}'}",
            )
        if name in bound:
            raise DefinitionError("", f"{entry.name} got the argument '{name}' twice; give it once")
        bound[name] = value
    return bound


def _check_choice(entry: Entry, choice: tuple[str, ...], bound: Mapping[str, Any]) -> None:
    given = [name for name in choice if name in bound]
    if len(given) == 1:
        return
    listed = " or ".join(f"'{name}'" for name in choice)
    if given:
        both = " and ".join(f"'{name}'" for name in given)
        raise DefinitionError("", f"{entry.name} got {both}; give only one of {listed}")
    raise DefinitionError("", f"{entry.name} needs one of {listed}: {signature(entry)}")


def signature(entry: Entry) -> str:
    """Return how to write the distribution, such as `Normal(loc, scale)`."""
    return f"{entry.name}({', '.join(argument.name for argument in entry.arguments)})"


def convert(
    entry: Entry, argument: Argument, value: Any, dtype: torch.dtype, device: torch.device
) -> Any:
    """Return `value` as the argument's kind asks: tensors in `dtype`, sizes as `int`.

    Raises:
        DefinitionError: the value is of another kind.
    """
    where = f"the argument '{argument.name}' of {entry.name}"
    match argument.kind:
        case Kind.REAL | Kind.COUNT:
            return as_tensor(value, dtype, device, where)
        case Kind.SIZE:
            return as_size(value, where, argument.least)
        case Kind.SHAPE:
            return as_shape(value, where)
        case Kind.DISTRIBUTION:
            if not isinstance(value, Distribution):
                raise DefinitionError("", f"{where} must be a distribution, such as Normal(0, 1)")
            return value
        case Kind.CONSTRAINT:
            return as_constraint(value, where)


def as_tensor(value: Any, dtype: torch.dtype, device: torch.device, where: str) -> Tensor:
    """Return a number or tensor as a tensor in `dtype`, never through torch's default dtype."""
    if isinstance(value, Tensor):
        if value.is_complex():
            raise DefinitionError("", f"{where} must be real")
        return value.to(device=device, dtype=dtype)
    if isinstance(value, StaticInt):
        value = value.value
    if isinstance(value, float):
        return torch.full((), value, dtype=dtype, device=device)
    try:
        return torch.full((), operator.index(value), dtype=dtype, device=device)
    except TypeError:
        pass
    if isinstance(value, list | tuple) and value:
        parts = [as_tensor(part, dtype, device, where) for part in value]
        return torch.stack(torch.broadcast_tensors(*parts))
    raise DefinitionError("", f"{where} must be a number or an array, not {_describe(value)}")


def as_size(value: Any, where: str, least: int = 0) -> int:
    """Return a plain integer, at least `least`."""
    size = plain_integer(value)
    if size is None:
        raise DefinitionError(
            "", f"{where} must be an integer known before the model runs, not {_describe(value)}"
        )
    if size < least:
        raise DefinitionError("", f"{where} must be {least} or more; it is {size}")
    return size


def plain_integer(value: Any) -> int | None:
    """Return the value as an integer if it is one without running the model, else `None`."""
    if isinstance(value, StaticInt):
        return value.value
    if isinstance(value, bool | Tensor):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_shape(value: Any, where: str) -> tuple[int, ...]:
    """Return a tuple of plain integers."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return tuple(as_size(part, where) for part in parts)


def as_constraint(value: Any, where: str) -> Constraint:
    """Return a support that stands for itself: one without unknown bounds."""
    if isinstance(value, Constraint) and not constraints.is_dependent(value):
        return value
    raise DefinitionError("", f"{where} must be a support such as 'real' or 'positive'")


def _describe(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            return "text"
        case Distribution():
            return "a distribution"
        case Tensor():
            return "an array"
        case _:
            return f"a {type(value).__name__}"
