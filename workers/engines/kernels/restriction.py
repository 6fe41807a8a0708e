"""A restriction of the unknowns: entries of parameters that are held at given values.

    {"beta[0]": 0, "sigma": 1.0, "p": [0.2, 0.3, 0.5]}

A name stands for all entries of a parameter, or with an index for one of them; one number can
stand for all. Entries of a simplex or of a matrix depend on one another and are fixed together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.binding import did_you_mean
from models.density import AbstractLogDensity, Parameter
from models.errors import DefinitionError, ModelError
from models.nested import array_of
from models.supports import constraint_from_name
from workers.engines.kernels.intervals import is_entrywise

#: Where it stands in a request.
PATH = "engine.restriction"
_KEY = re.compile(r"(\w+)(?:\[(\d{1,9}(?:,\d{1,9})*)\])?", re.ASCII)


@dataclass(frozen=True)
class Fixed:
    """The entries of one parameter that are fixed, and at what; both in its shape."""

    where: NDArray[np.bool_]
    values: NDArray[np.float64]
    #: Whether a value lies on the boundary of the support.
    at_bound: bool


def read_restriction(asked: Mapping[str, Any], parameters: Sequence[Parameter]) -> dict[str, Fixed]:
    """Return what is fixed, by parameter.

    Raises:
        DefinitionError: with the path of the entry that cannot be fixed so.
    """
    if not asked:
        raise DefinitionError(PATH, "nothing is fixed; write names with values, or leave it out")
    by_name = {p.name: p for p in parameters}
    found: dict[str, Fixed] = {}
    for key, value in asked.items():
        path = f"{PATH}.{key[:64]}"
        name, index = _name_and_index(key, path)
        if name not in by_name:
            hint = did_you_mean(name, list(by_name)) or f"; there are {', '.join(by_name)}"
            raise DefinitionError(path, f"the model has no parameter '{name[:64]}'{hint}")
        before = found.get(name)
        found[name] = _fixed(by_name[name], index, value, before, path)
    return found


def coordinates(fixed: Mapping[str, Fixed], density: AbstractLogDensity) -> Tensor:
    """Return which of the `D` unconstrained coordinates are fixed."""
    mask = torch.zeros(density.dim, dtype=torch.bool)
    for parameter in density.parameters:
        if parameter.name in fixed:
            where = fixed[parameter.name].where.reshape(-1)
            own = torch.from_numpy(where.copy()) if is_separable(parameter) else torch.tensor(True)
            mask[parameter.offset : parameter.offset + parameter.size] = own
    return mask.to(density.device)


def restricted_point(fixed: Mapping[str, Fixed], density: AbstractLogDensity, z: Tensor) -> Tensor:
    """Return `z`: `D` moved to where the restriction holds; infinite at the edge of a support."""
    at = density.constrain_one(z.to(density.dtype))
    values = {name: value[None] for name, value in at.items()}
    for name, one in fixed.items():
        where = torch.from_numpy(one.where.copy()).to(density.device)
        given = torch.from_numpy(one.values.copy()).to(density.device, density.dtype)
        values[name] = torch.where(where, given, values[name])
    own = {p.name: values[p.name] for p in density.parameters}
    return density.unconstrain(own)[0].to(z.dtype)


def is_separable(parameter: Parameter) -> bool:
    """Whether each entry has a coordinate of its own."""
    return parameter.support == "real" or is_entrywise(parameter)


def _name_and_index(key: str, path: str) -> tuple[str, tuple[int, ...] | None]:
    match = _KEY.fullmatch(key.replace(" ", ""))
    if match is None:
        raise DefinitionError(path, "write a parameter's name, or one entry as in beta[0]")
    name, inner = match.groups()
    return name, None if inner is None else tuple(map(int, inner.split(",")))


def _fixed(
    parameter: Parameter, index: tuple[int, ...] | None, value: Any, before: Fixed | None, path: str
) -> Fixed:
    where = np.zeros(parameter.shape, dtype=bool)
    if index is None:
        where[...] = True
    else:
        _check_index(parameter, index, path)
        where[index] = True
    values = np.broadcast_to(_array(value, () if index else parameter.shape, path), where.shape)
    if before is not None and bool((before.where & where).any()):
        raise DefinitionError(path, "fixed twice; write each entry once")
    at_bound = _at_bound(parameter, values, where, path)
    if before is None:
        return Fixed(where, np.where(where, values, np.nan), at_bound)
    both = np.where(where, values, before.values)
    return Fixed(where | before.where, both, at_bound or before.at_bound)


def _check_index(parameter: Parameter, index: tuple[int, ...], path: str) -> None:
    shape = parameter.shape
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=False)):
        told = f"has the shape {list(shape)}" if shape else "is one number and has no entries"
        raise DefinitionError(path, f"'{parameter.name}' {told}; write an index inside it")
    if not is_separable(parameter):
        raise DefinitionError(
            path,
            f"entries of a {parameter.support} depend on one another; fix all of "
            f"'{parameter.name}'",
        )


def _array(value: Any, shape: tuple[int, ...], path: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(array_of(value, path), dtype=float)
    except ModelError as error:
        raise DefinitionError(error.path, error.message) from None
    if array.shape not in ((), shape):
        raise DefinitionError(
            path, f"of the shape {list(array.shape)}; write one number, or the shape {list(shape)}"
        )
    return array


def _at_bound(
    parameter: Parameter, values: NDArray[np.float64], where: NDArray[np.bool_], path: str
) -> bool:
    """Check that values lie in the support or on its boundary; return whether on the latter."""
    if parameter.support == "real":
        return False
    try:
        support = constraint_from_name(parameter.support)
    except DefinitionError:
        raise DefinitionError(
            path,
            f"the support of '{parameter.name}' is {parameter.support}, whose bounds are no "
            "constants, so it cannot be fixed; fix other parameters",
        ) from None
    low, high = getattr(support, "lower_bound", -np.inf), getattr(support, "upper_bound", np.inf)
    if is_entrywise(parameter):
        inside = bool(((values >= low) & (values <= high))[where].all())
        at_bound = bool(((values == low) | (values == high))[where].any())
    else:
        given = torch.from_numpy(np.array(values))
        inside = bool(support.check(given).all())
        at_bound = parameter.support == "simplex" and bool((values <= 0).any())
    if not inside:
        raise DefinitionError(
            path, f"outside of the support of '{parameter.name}', which is {parameter.support}"
        )
    return at_bound
