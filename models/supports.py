"""Supports: their names, and the bijections from unconstrained vectors onto them."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.constraints import Constraint, MixtureSameFamilyConstraint
from torch.distributions.transforms import IndependentTransform, Transform, identity_transform

from models import bijections
from models.binding import did_you_mean
from models.errors import DefinitionError

#: Supports without bounds that a model may name.
PLAIN: dict[str, Constraint] = {
    "real": constraints.real,
    "positive": constraints.positive,
    "nonnegative": constraints.nonnegative,
    "unit_interval": constraints.unit_interval,
    "simplex": constraints.simplex,
    "ordered_vector": constraints.ordered_vector,
    "positive_ordered_vector": constraints.positive_ordered_vector,
    "lower_cholesky": constraints.lower_cholesky,
    "corr_cholesky": constraints.corr_cholesky,
    "positive_definite": constraints.positive_definite,
    "corr_matrix": constraints.corr_matrix,
}
#: Supports with bounds: how to build one, and the names of its bounds.
BOUNDED: dict[str, tuple[Callable[..., Constraint], tuple[str, ...]]] = {
    "interval": (constraints.interval, ("lower_bound", "upper_bound")),
    "greater_than": (constraints.greater_than, ("lower_bound",)),
    "greater_than_eq": (constraints.greater_than_eq, ("lower_bound",)),
    "less_than": (constraints.less_than, ("upper_bound",)),
}
_COUNTED: dict[str, Constraint] = {
    "boolean": constraints.boolean,
    "nonnegative_integer": constraints.nonnegative_integer,
    "positive_integer": constraints.positive_integer,
}
#: Names of discrete supports, without their bounds.
_DISCRETE = (*_COUNTED, "integer_interval", "integer_greater_than")
_CALL = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", re.ASCII)

_VECTORS: dict[type[Constraint], Callable[[], Transform]] = {
    type(constraints.simplex): bijections.Simplex,
    type(constraints.ordered_vector): bijections.Ordered,
    type(constraints.positive_ordered_vector): bijections.PositiveOrdered,
    type(constraints.lower_cholesky): bijections.LowerCholesky,
    type(constraints.softplus_lower_cholesky): bijections.LowerCholesky,
    type(constraints.corr_cholesky): bijections.CorrCholesky,
    type(constraints.positive_definite): lambda: bijections.Squared(bijections.LowerCholesky()),
    type(constraints.corr_matrix): lambda: bijections.Squared(bijections.CorrCholesky()),
}


def constraint_from_name(text: str) -> Constraint:
    """Return the support named as in Pyro: `positive`, `interval(0, 2)`, `greater_than(1)`.

    Raises:
        DefinitionError: no such support, or bounds that are not numbers.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise _unknown(text)
    name, inner = match.groups()
    if inner is None or name not in BOUNDED:
        return make_constraint(name, [0.0] if inner else [])
    try:
        bounds = [float(part) for part in inner.split(",")]
    except ValueError:
        raise DefinitionError("", f"the bounds of the support '{text}' must be numbers") from None
    return make_constraint(name, bounds)


def make_constraint(name: str, bounds: Sequence[Tensor | float] = ()) -> Constraint:
    """Return the support called `name`, with its bounds if it takes any.

    Raises:
        DefinitionError: no such support, the wrong number of bounds, or bounds out of order.
    """
    if name in PLAIN and not bounds:
        return PLAIN[name]
    if name in PLAIN:
        raise DefinitionError("", f"the support '{name}' takes no bounds; write '{name}' alone")
    if name not in BOUNDED:
        raise _unknown(name)
    build, names = BOUNDED[name]
    if len(bounds) != len(names):
        example = ", ".join("02"[: len(names)])
        raise DefinitionError(
            "", f"the support '{name}' needs {len(names)} bound(s), as in {name}({example})"
        )
    numbers = [number_of(bound) for bound in bounds]
    if any(number is not None and not abs(number) < float("inf") for number in numbers):
        raise DefinitionError("", f"the bounds of '{name}' must be finite")
    if len(numbers) == 2 and None not in numbers and not numbers[0] < numbers[1]:  # type: ignore[operator]
        raise DefinitionError("", f"the lower bound of '{name}' must lie below the upper bound")
    return build(*bounds)


def _unknown(text: str) -> DefinitionError:
    known = [*PLAIN, *BOUNDED]
    hint = did_you_mean(text, known) or f"; there are {', '.join(known)}"
    return DefinitionError("", f"unknown support '{text}'{hint}")


def number_of(bound: Any) -> float | None:
    """Return the bound as one number, or `None` if it varies or depends on unknowns."""
    if not isinstance(bound, Tensor):
        return float(bound)
    if bound.requires_grad or bound.numel() == 0:
        return None
    try:
        flat = bound.reshape(-1)
        return float(flat[0]) if bool((flat == flat[0]).all()) else None
    except RuntimeError:  # a fake, meta or batched tensor holds no number to read
        return None


def support_name(constraint: Constraint) -> str:
    """Return Pyro's name of the support, such as `positive` or `interval(0, 2)`.

    Bounds that vary over a plate or depend on unknowns appear by name: `interval(low, high)`.
    """
    constraint = innermost(constraint)
    for name, plain in {**PLAIN, **_COUNTED}.items():
        if constraint is plain:
            return name
    numbers = {key: number_of(value) for key, value in vars(constraint).items() if "bound" in key}
    match tuple(numbers.values()):
        case (0.0, 1.0) if isinstance(constraint, constraints.interval):
            return "unit_interval"
        case (0.0,) if isinstance(constraint, constraints.greater_than):
            return "positive"
        case (0.0,) if isinstance(constraint, constraints.greater_than_eq):
            return "nonnegative"
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(constraint).__name__.strip("_")).lower()
    if not numbers:
        return name
    short = {"lower_bound": "low", "upper_bound": "high"}
    shown = [short.get(k, k) if v is None else _digits(v) for k, v in numbers.items()]
    return f"{name}({', '.join(shown)})"


def greatest_of(constraint: Constraint) -> Tensor | float:
    """Return the greatest value of a discrete support, infinity where there is none.

    The least is 0 in every distribution of the table.
    """
    if isinstance(constraint, MixtureSameFamilyConstraint):
        return greatest_of(_hull(constraint.base_constraint, -1 - constraint.event_dim))
    if isinstance(constraint, constraints.independent):
        return greatest_of(constraint.base_constraint)
    if constraint is constraints.boolean:
        return 1.0
    bound: Tensor | float = getattr(constraint, "upper_bound", math.inf)
    return bound


def is_discrete(name: str) -> bool:
    """Return whether a support of that name, as `support_name` gives it, is discrete."""
    return name.partition("(")[0] in _DISCRETE


def _digits(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def innermost(constraint: Constraint) -> Constraint:
    """Return the support of one entry of events whose entries are independent."""
    while isinstance(constraint, constraints.independent | MixtureSameFamilyConstraint):
        constraint = constraint.base_constraint
    return constraint


def transform_to(constraint: Constraint) -> Transform:
    """Return the bijection from unconstrained vectors onto the support.

    A lower Cholesky factor comes from n (n + 1) / 2 numbers, a correlation factor from
    n (n - 1) / 2, a simplex from n - 1. Bounds may be tensors that depend on other unknowns.

    Raises:
        DefinitionError: the support is discrete, or not an image of an unconstrained space.
    """
    if isinstance(constraint, constraints.independent):
        inner = transform_to(constraint.base_constraint)
        count = constraint.reinterpreted_batch_ndims
        return IndependentTransform(inner, count) if count else inner
    if isinstance(constraint, MixtureSameFamilyConstraint):
        return transform_to(_hull(constraint.base_constraint, -1 - constraint.event_dim))
    if type(constraint) in _VECTORS:
        return _VECTORS[type(constraint)]()
    return _scalar_transform(constraint)


def _scalar_transform(constraint: Constraint) -> Transform:
    match constraint:
        case constraints.interval() | constraints.half_open_interval():
            return bijections.Between(constraint.lower_bound, constraint.upper_bound)
        case constraints.greater_than() | constraints.greater_than_eq():
            return bijections.LowerBound(constraint.lower_bound)
        case constraints.less_than():
            return bijections.UpperBound(constraint.upper_bound)
    if isinstance(constraint, type(constraints.real)):
        return identity_transform
    raise DefinitionError(
        "",
        f"the support '{support_name(constraint)}' has no continuous unconstrained space; "
        "only a latent with a continuous support can be inferred",
    )


def _hull(constraint: Constraint, dim: int) -> Constraint:
    """Return the smallest support that holds those of all components along `dim` of the bounds."""
    if isinstance(constraint, constraints.independent):
        base = _hull(constraint.base_constraint, dim)
        return constraints.independent(base, constraint.reinterpreted_batch_ndims)
    bounds = {key: value for key, value in vars(constraint).items() if isinstance(value, Tensor)}
    if not bounds:
        return constraint
    reduced = {}
    for key, bound in bounds.items():
        if bound.dim() < -dim:
            reduced[key] = bound
        else:
            reduced[key] = bound.amin(dim) if key == "lower_bound" else bound.amax(dim)
    return type(constraint)(**{**vars(constraint), **reduced})


def unconstrained_shape(constraint: Constraint, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the unconstrained coordinates of a value of `shape`."""
    return tuple(transform_to(constraint).inverse_shape(torch.Size(shape)))
