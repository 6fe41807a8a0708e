"""One log density and its gradient, for a person who debugs a model."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.compile import compile_model
from models.density import AbstractLogDensity, Parameter, Target
from models.errors import DataError


def log_density(
    definition: Any, data: Mapping[str, np.ndarray[Any, Any]], where: Mapping[str, Any]
) -> dict[str, Any]:
    """Evaluate a model at one point.

    With `unconstrained` the log density includes log |det J| and `gradient` is the list of its
    derivatives by coordinate. With `at` it does not, and `gradient` has the derivatives with
    respect to each parameter in its shape; where a support has fewer dimensions than entries (a
    simplex), it is the gradient along the support, the solution of least norm of
    `J' g = d log p / dz`.

    Args:
        definition: the model.
        data: arrays by name.
        where: `{"at": {name: value}}` or `{"unconstrained": [...]}`.

    Raises:
        ModelError: the model, the data or the point cannot be used.
    """
    density = compile_model(definition, data)
    if "at" in where:
        z = density.unconstrain(point(density, where["at"]))
        target = Target.JOINT
    else:
        z = _coordinates(density, where["unconstrained"])
        target = Target.POSTERIOR
    value, gradient = density.value_and_grad(z, target)
    terms = density.terms(z)
    return {
        "log_density": number(value[0]),
        "log_prior": number(terms.log_prior[0]),
        "log_likelihood": number(terms.log_likelihood[0]),
        "gradient": _by_name(density, z, gradient[0])
        if "at" in where
        else [number(g) for g in gradient[0]],
    }


def _coordinates(density: AbstractLogDensity, raw: Any) -> Tensor:
    """Return `1 x D`."""
    try:
        z = torch.tensor(raw, dtype=density.dtype)
    except (ValueError, TypeError, RuntimeError):
        raise DataError("unconstrained", f"write a list of {density.dim} numbers") from None
    if z.shape != (density.dim,):
        raise DataError(
            "unconstrained",
            f"write a list of {density.dim} numbers, one per unconstrained coordinate; "
            f"the shape is {tuple(z.shape)}",
        )
    return z[None]


def point(
    density: AbstractLogDensity, raw: Mapping[str, Any], path: str = "at"
) -> dict[str, Tensor]:
    """Return named constrained values, each `1 x shape`, inside their supports.

    Args:
        density: whose parameters they are.
        raw: as posted.
        path: where they stand.

    Raises:
        DataError: a parameter is missing or unknown, or its value is none of its support.
    """
    check_parameters(density, raw, path)
    values = {}
    for parameter in density.parameters:
        where = f"{path}.{parameter.name}"
        if parameter.name not in raw:
            raise DataError(where, "is required; every parameter needs a value")
        values[parameter.name] = numbers(density, parameter, raw[parameter.name], where)[None]
    _check_support(density, values, path)
    return values


def check_parameters(density: AbstractLogDensity, raw: Mapping[str, Any], path: str) -> None:
    """Refuse names that are no parameter's."""
    known = [parameter.name for parameter in density.parameters]
    for name in raw:
        if name not in known:
            message = f"unknown parameter; write one of {', '.join(known)}"
            raise DataError(f"{path}.{name}", message)


def numbers(density: AbstractLogDensity, parameter: Parameter, raw: Any, path: str) -> Tensor:
    """Return numbers in a parameter's shape."""
    try:
        value = torch.tensor(raw, dtype=density.dtype)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        raise DataError(path, f"write numbers in the shape {parameter.shape}") from None
    if value.shape != parameter.shape:
        raise DataError(
            path, f"write numbers in the shape {parameter.shape}, not {tuple(value.shape)}"
        )
    return value


def _check_support(density: AbstractLogDensity, values: Mapping[str, Tensor], path: str) -> None:
    """Refuse values that the way to `z` and back does not reproduce: they are no such values."""
    back = density.constrain(density.unconstrain(values))
    for parameter in density.parameters:
        wanted, got = values[parameter.name], back[parameter.name]
        if not torch.allclose(wanted, got, rtol=1e-6, atol=1e-8):
            raise DataError(
                f"{path}.{parameter.name}",
                f"write a value inside its support, {parameter.support}",
            )


def _by_name(density: AbstractLogDensity, z: Tensor, gradient: Tensor) -> dict[str, Any]:
    """Turn `D` derivatives by coordinate into derivatives by parameter, each in its shape."""
    jacobian = density.jacobian(z)
    blocks = [jacobian[p.name][0].reshape(-1, density.dim) for p in density.parameters]
    whole = torch.cat(blocks)  # entries x D
    if not (torch.isfinite(whole).all() and torch.isfinite(gradient).all()):
        flat = torch.full((whole.shape[0],), math.nan, dtype=whole.dtype)
    else:
        flat = torch.linalg.lstsq(whole.T, gradient[:, None], driver="gelsd").solution[:, 0]
    parts = torch.split(flat, [block.shape[0] for block in blocks])
    return {
        parameter.name: nested(part.reshape(parameter.shape))
        for parameter, part in zip(density.parameters, parts, strict=True)
    }


def nested(values: Tensor) -> Any:
    """Return numbers as nested lists; null where one does not exist."""
    if values.ndim == 0:
        return number(values)
    return [nested(value) for value in values]


def number(value: Tensor | float) -> float | None:
    """Return a number; null where it does not exist."""
    found = float(value)
    return found if math.isfinite(found) else None
