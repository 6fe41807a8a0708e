"""The ends that profiles found, as intervals, and the sentences about those that are missing."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Parameter
from workers.engines.kernels.entries import entry_label, listed
from workers.engines.kernels.intervals import numbers
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.profile import Found, ProfileState, Springs
from workers.results import Estimate, Interval, Warning


def profiled(
    estimate: dict[str, Estimate], objective: Objective, state: ProfileState, level: float
) -> tuple[dict[str, Estimate], list[Warning]]:
    """Return estimates with profile intervals where there are profiles, and warnings."""
    density, ends = objective.density, state.ends
    springs = Springs(objective, ends, state.gauge, level)
    values = density.constrain(springs.point(state.rows.z).to(density.dtype))
    at_top = density.constrain_one(state.gauge.maximum.to(density.dtype))
    found = dict(estimate)
    for parameter in density.parameters:
        rows = [r for r, name in enumerate(ends.names) if name == parameter.name]
        if not rows:
            continue
        name = parameter.name
        middle = at_top[name].to(torch.float64).reshape(-1)
        bounds = [middle.clone(), middle.clone()]
        for r in rows:
            end = values[name][r].to(torch.float64).reshape(-1)[ends.entries[r]]
            met = int(state.found[r]) == Found.END
            upper = float(ends.signs[r]) > 0
            bounds[upper][ends.entries[r]] = end if met else torch.nan
        lower, upper = (numbers(b.reshape(parameter.shape)) for b in bounds)
        interval = Interval(level=level, lower=lower, upper=upper, kind="profile")
        found[name] = estimate[name].model_copy(update={"interval": interval})
    return found, _warnings(density, state)


def _warnings(density: AbstractLogDensity, state: ProfileState) -> list[Warning]:
    said = []
    if endless := _labels(density, state, Found.ENDLESS):
        said.append(
            Warning(
                code="no_profile_end",
                message=f"There is no {endless}: as far out as that goes, to infinity or to the "
                "parameter's bound, the likelihood stays within what the level allows.",
            )
        )
    if higher := _labels(density, state, Found.HIGHER):
        said.append(
            Warning(
                code="profile_higher",
                message=f"On the way to the {higher} the likelihood was higher than at the "
                "estimate, which is not the maximum then. Use more restarts or another seed.",
            )
        )
    if lost := _labels(density, state, Found.LOST, Found.OPEN):
        said.append(
            Warning(
                code="profile_lost",
                message=f"The {lost} was not found: the likelihood could not be followed there. "
                "Centre and scale the data, or reparameterise the model.",
            )
        )
    if state.ends.without:
        said.append(no_profile(state.ends.without))
    return said


def no_profile(names: Sequence[str]) -> Warning:
    """Return the warning about parameters whose entries cannot be held fixed by themselves."""
    return Warning(
        code="no_profile",
        message=f"The support of {listed(names)} hangs on other unknowns: its intervals are "
        "Wald's.",
    )


def _labels(density: AbstractLogDensity, state: ProfileState, *kinds: Found) -> str | None:
    parameters: dict[str, Parameter] = {p.name: p for p in density.parameters}
    ends = state.ends
    labels = [
        f"{_side(ends.signs[r])} end of {entry_label(parameters[ends.names[r]], ends.entries[r])}"
        for r in range(len(ends))
        if int(state.found[r]) in kinds
    ]
    return listed(labels) if labels else None


def _side(sign: Tensor) -> str:
    return "upper" if float(sign) > 0 else "lower"
