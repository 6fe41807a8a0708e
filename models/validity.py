"""Whether constant arguments and observed values are where they may be, in sentences."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions.constraints import Constraint, MixtureSameFamilyConstraint

from models.binding import Entry
from models.families.categories import TotalCount
from models.supports import number_of, support_name

#: (argument, sentence): what is wrong with which argument, and what to write instead.
Fault = tuple[str, str]

_PHRASES: tuple[tuple[Constraint, str], ...] = (
    (constraints.real, "finite"),
    (constraints.positive, "greater than 0"),
    (constraints.nonnegative, "0 or greater"),
    (constraints.unit_interval, "between 0 and 1"),
    (constraints.boolean, "0 or 1"),
    (constraints.nonnegative_integer, "a whole number from 0 on"),
    (constraints.positive_integer, "a whole number from 1 on"),
    (constraints.simplex, "numbers from 0 on that sum to 1 along the last axis"),
    (constraints.ordered_vector, "increasing along the last axis"),
    (constraints.positive_ordered_vector, "positive and increasing along the last axis"),
    (constraints.lower_cholesky, "lower triangular with a positive diagonal"),
    (constraints.corr_cholesky, "lower triangular with a positive diagonal and rows of length 1"),
    (constraints.positive_definite, "symmetric and positive definite"),
    (constraints.corr_matrix, "symmetric and positive definite with ones on the diagonal"),
)


def phrase(constraint: Constraint) -> str:
    """Return what a value in the constraint is, to follow "must be"."""
    constraint = elementwise(constraint)
    for known, words in _PHRASES:
        if constraint is known:
            return words
    bounds = vars(constraint)
    low, high = (number_of(bounds[k]) if k in bounds else None for k in _BOUNDS)
    match constraint:
        case constraints.integer_interval():
            most = "the number of trials or categories allows" if high is None else f"{high:g}"
            return f"a whole number from {0 if low is None else low:g} to {most}"
        case constraints.interval() if low is not None and high is not None:
            return f"between {low:g} and {high:g}"
        case constraints.greater_than() if low is not None:
            return f"greater than {low:g}"
        case constraints.greater_than_eq() if low is not None:
            return f"at least {low:g}"
        case constraints.less_than() if high is not None:
            return f"less than {high:g}"
        case TotalCount():
            return "whole numbers from 0 on that sum to total_count along the last axis"
        case MixtureSameFamilyConstraint():
            return phrase(constraint.base_constraint)
    return f"inside {support_name(constraint)}"


_BOUNDS = ("lower_bound", "upper_bound")


def elementwise(constraint: Constraint) -> Constraint:
    """Return the constraint on each element of an `independent` one."""
    while isinstance(constraint, constraints.independent):
        constraint = constraint.base_constraint
    return constraint


def argument_faults(entry: Entry, arguments: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the constant arguments; those that require grad are not constant.

    Args:
        entry: the distribution's line of the table.
        arguments: the bound arguments, converted.
    """
    faults = []
    constant = {k: v for k, v in arguments.items() if not getattr(v, "requires_grad", False)}
    for name, value in constant.items():
        constraint = entry.argument(name).constraint
        if constraint is None or not isinstance(value, Tensor):
            continue
        where = first_outside(constraint, value)
        if where is not None:
            faults.append((name, f"must be {phrase(constraint)}{_found(constraint, value, where)}"))
    if not faults:
        faults = [fault for relation in entry.relations if (fault := relation(constant))]
    return faults


def value_fault(fn: Distribution, value: Tensor) -> str | None:
    """Return a sentence if the observed value does not fit the distribution's shape or support.

    A support whose bounds require grad depends on unknowns and is not checked.
    """
    shape = fn.batch_shape + fn.event_shape
    try:
        fits = torch.broadcast_shapes(value.shape, shape)
    except RuntimeError:
        fits = None
    event = fn.event_shape
    if fits is None or value.shape[value.dim() - len(event) :] != event:
        return (
            f"has shape {tuple(value.shape)}, which does not fit the distribution's shape "
            f"{tuple(shape)}; make the shapes agree"
        )
    constraint = fn.support
    assert constraint is not None
    if _depends_on_unknowns(constraint):
        return None
    where = first_outside(constraint, value, _mask_of(fn, elementwise(constraint).event_dim))
    if where is None:
        return None
    found = _found(constraint, value, where)
    return f"must be {phrase(constraint)} to come from {family_name(fn)}{found}"


def family_name(fn: Distribution) -> str:
    """Return the name of the distribution inside `expand`, `to_event` and `mask`."""
    while isinstance(getattr(fn, "base_dist", None), Distribution) and (
        isinstance(fn, Independent) or hasattr(fn, "_mask")
    ):
        fn = fn.base_dist  # type: ignore[attr-defined]
    return type(fn).__name__


def _mask_of(fn: Distribution, rank: int) -> Tensor | bool:
    """Return the mask, with dimensions for the event's elements of `rank` dimensions each."""
    while isinstance(getattr(fn, "base_dist", None), Distribution):
        mask = vars(fn).get("_mask")
        if isinstance(mask, Tensor):
            return mask.reshape(*mask.shape, *(1 for _ in range(len(fn.event_shape) - rank)))
        if mask is False:
            return False
        fn = fn.base_dist  # type: ignore[attr-defined]
    return True


def _depends_on_unknowns(constraint: Constraint) -> bool:
    inner = vars(constraint).values()
    return any(
        (isinstance(value, Tensor) and value.requires_grad)
        or (isinstance(value, Constraint) and _depends_on_unknowns(value))
        for value in inner
    )


def first_outside(
    constraint: Constraint, value: Tensor, mask: Tensor | bool = True
) -> tuple[int, ...] | None:
    """Return the index of the first value outside the constraint, `None` if all are inside."""
    if mask is False:
        return None
    outside = ~inside(elementwise(constraint), value)
    if isinstance(mask, Tensor):
        outside = outside & mask
    places = outside.nonzero()
    return tuple(int(i) for i in places[0]) if len(places) else None


def inside(constraint: Constraint, value: Tensor) -> Tensor:
    """Return which values satisfy the constraint, with room for rounding in float32."""
    value = value.double() if value.is_floating_point() else value
    if constraint is constraints.real:
        return torch.isfinite(value)
    if constraint is constraints.simplex:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-5)
    if constraint is constraints.positive_definite:
        symmetric = torch.isclose(value, value.mT, rtol=1e-6, atol=1e-8).flatten(-2).all(-1)
        return symmetric & (torch.linalg.cholesky_ex(value)[1] == 0)
    return constraint.check(value)


def _found(constraint: Constraint, value: Tensor, where: tuple[int, ...]) -> str:
    """Return what stands where, if it is one number."""
    place = f" at {list(where)}" if where else ""
    culprit = value[where] if where and len(where) <= value.dim() else value
    if culprit.dim() == 0:
        return f"; it is {float(culprit):.12g}{place}"
    if constraint is constraints.simplex:
        return f"; it sums to {float(culprit.sum()):.12g}{place}: divide by the sum"
    return f"; it is not{place}" if place else ""


def increasing(low: str, high: str) -> Callable[[Mapping[str, Any]], Fault | None]:
    """Return a relation: argument `low` must lie below argument `high` everywhere."""

    def relation(arguments: Mapping[str, Any]) -> Fault | None:
        if low not in arguments or high not in arguments:
            return None
        if bool((arguments[low] < arguments[high]).all()):
            return None
        return low, f"must be less than {high} everywhere; exchange them or widen the interval"

    return relation
