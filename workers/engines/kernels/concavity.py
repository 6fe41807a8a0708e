"""Whether a climb may have missed a higher maximum, and how that is known."""

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.ascent import AscentState
from workers.engines.kernels.newton import NEGATIVE
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.spectrum import spectrum
from workers.results import Concavity, Mode

#: Coordinates up to which curvature is looked at elsewhere, and how far out, in standard errors.
SMALL, REACH = 20, 5.0


def concavity(
    density: AbstractLogDensity, target: Target, state: AscentState, modes: list[Mode]
) -> Concavity:
    """Return whether the log density is concave on the unconstrained scale.

    Where the structure of the model shows that it is, any maximum is the only one. That it is not
    is proved by two maxima, or by a point at which it curves upwards. Else nothing is known.
    """
    if density.concave(target):
        return Concavity(
            verdict="concave",
            how="A log-concave family of a linear function of the unknowns: the maximum is the "
            "only one.",
        )
    if len(modes) > 1:
        return Concavity(
            verdict="not_concave",
            how=f"The starts came to rest at {len(modes)} different points: there may be others, "
            "and higher ones.",
        )
    where = _upwards(density, target, state)
    came = _came(modes, len(state.rows.value))
    if where is not None:
        return Concavity(
            verdict="not_concave",
            how=f"It curves upwards {where}. {came}",
        )
    return Concavity(
        verdict="unknown",
        how="The structure of the model does not tell, and no point that was looked at curves "
        f"upwards. {came}",
    )


def _came(modes: list[Mode], starts: int) -> str:
    arrived = modes[0].starts if modes else 0
    others = "." if arrived == starts else "; the others had not come to rest anywhere."
    return f"Of {starts} starts, {arrived} came to this maximum{others}"


def _upwards(density: AbstractLogDensity, target: Target, state: AscentState) -> str | None:
    top = state.top
    if top is None or density.dim > SMALL or not bool(top.hessian.isfinite().all()):
        return None
    covariance = spectrum(top.hessian, top.z).covariance()
    error = covariance.diagonal().clamp(min=0.0).sqrt()
    steps = torch.arange(1, density.dim + 1, dtype=torch.float64, device=top.z.device)
    away = REACH * error * (2.0 * steps).cos().sign()
    places: list[tuple[str, Tensor]] = [
        ("at the origin of the unconstrained scale", torch.zeros_like(top.z)),
        (f"{REACH:g} standard errors from the maximum", top.z + away),
        (f"{REACH:g} standard errors from the maximum", top.z - away),
    ]
    objective = Objective(density, target)
    for words, z in places:
        hessian = objective.hessian(z)
        if not bool(hessian.isfinite().all()):
            continue
        if float(spectrum(hessian, z).values[0]) < -1e3 * NEGATIVE:
            return words
    return None
