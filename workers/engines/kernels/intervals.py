"""Standard errors and Wald intervals on the scale on which the parameters are reported."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Parameter
from workers.results import Estimate, Interval


def estimates(
    density: AbstractLogDensity, z: Tensor, covariance: Tensor | None, level: float
) -> dict[str, Estimate]:
    """Return every parameter and deterministic at `z`: `D`, with standard errors where known.

    The standard error of a function of `z` is that of its tangent, `J covariance J'` (the delta
    method: Lehmann and Casella, Theory of Point Estimation (1998), thm 1.8.12). The interval is
    `value -/+ quantile * standard error`; for a parameter that lives in an interval or above a
    bound it is computed on the unconstrained scale and mapped, so that it stays in the support
    (and, as likelihoods usually are, is not symmetric).

    Args:
        density: the model.
        z: the optimum.
        covariance: `D x D` of `z`; None where there is none.
        level: of the intervals, 0 to 1.
    """
    if covariance is None:
        values = _constrain(density, z[None])
        return {name: Estimate(value=numbers(value[0])) for name, value in values.items()}
    errors = _standard_errors(density, z, covariance)
    values, mapped = _mapped(density, z, covariance, _quantile(level))
    return {
        name: _estimate(value, errors[name], mapped.get(name), level)
        for name, value in values.items()
    }


def numbers(values: Tensor) -> Any:
    """Return nested lists in the tensor's shape, with None where there is no finite number."""
    if values.ndim:
        return [numbers(value) for value in values]
    return float(values) if bool(values.isfinite()) else None


def _estimate(
    value: Tensor, error: Tensor, bounds: tuple[Tensor, Tensor] | None, level: float
) -> Estimate:
    reach = _quantile(level) * error
    lower, upper = bounds or (value - reach, value + reach)
    return Estimate(
        value=numbers(value),
        standard_error=numbers(error),
        interval=Interval(level=level, lower=numbers(lower), upper=numbers(upper), kind="wald"),
    )


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _constrain(density: AbstractLogDensity, z: Tensor) -> dict[str, Tensor]:
    rows = [density.constrain_one(row) for row in z.to(density.dtype)]
    return {name: torch.stack([row[name] for row in rows]).to(torch.float64) for name in rows[0]}


def _standard_errors(
    density: AbstractLogDensity, z: Tensor, covariance: Tensor
) -> Mapping[str, Tensor]:
    jacobian = density.jacobian(z[None].to(density.dtype))
    errors = {}
    for name, j in jacobian.items():
        tangent = j[0].to(torch.float64)  # shape x D
        variance = ((tangent @ covariance) * tangent).sum(-1)
        errors[name] = variance.clamp(min=0.0).sqrt()
    return errors


def _mapped(
    density: AbstractLogDensity, z: Tensor, covariance: Tensor, quantile: float
) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor]]]:
    """Return every quantity's value, and the mapped ends of those that have them.

    Each parameter moves alone, since another's support may depend on it.
    """
    reach = quantile * covariance.diagonal().clamp(min=0.0).sqrt()
    entrywise = [parameter for parameter in density.parameters if is_entrywise(parameter)]
    points = [z]
    for parameter in entrywise:
        own = torch.zeros_like(z)
        own[parameter.offset : parameter.offset + parameter.size] = 1.0
        points += [z - own * reach, z + own * reach]
    values = _constrain(density, torch.stack(points))
    bounds = {}
    for i, parameter in enumerate(entrywise):
        low, high = values[parameter.name][2 * i + 1 : 2 * i + 3]
        bounds[parameter.name] = (torch.minimum(low, high), torch.maximum(low, high))
    return {name: value[0] for name, value in values.items()}, bounds


def is_entrywise(parameter: Parameter) -> bool:
    """Whether each entry is a monotone function of its own coordinate, and bounded."""
    heads = ("positive", "nonnegative", "unit_interval", "interval", "greater_than", "less_than")
    head = parameter.support.split("(")[0]
    return head in heads or head in ("greater_than_eq", "half_open_interval")
