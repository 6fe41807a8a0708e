"""The evidence of a model of one or two unknowns, by quadrature. Runs in the evaluating child."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.compile import compile_model
from models.density import AbstractLogDensity, Target
from models.errors import UnavailableError
from models.quadrature import MOST, log_integral
from workers.engines.kernels.initial import find_initial
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.paths import climbed
from workers.engines.kernels.spectrum import spectrum

#: Ascents to the mode, from draws of the prior.
PATHS = 4


def evidence(definition: Any, data: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return the log of the posterior's normalising constant.

    Args:
        definition: the model.
        data: arrays by name.

    Raises:
        ModelError: the model or the data cannot be used, or there is no such number.
    """
    density = compile_model(definition, data)
    if not 1 <= density.dim <= MOST:
        raise UnavailableError(
            "model",
            f"quadrature takes one or two unknowns, not {density.dim}; use the engines laplace or "
            "pathfinder, whose results have the evidence",
        )
    centre, root = _around(density)
    found = log_integral(lambda z: density.value(z), centre, root)
    return {"log_evidence": found.value, "error": found.error, "unknowns": density.dim}


def _around(density: AbstractLogDensity) -> tuple[Tensor, Tensor]:
    """Return where the mass is, `D`, and how wide, `D x D`."""
    generator = torch.Generator().manual_seed(0)
    objective = Objective(density, Target.POSTERIOR, PATHS)
    climb = climbed(objective, find_initial(density, generator, PATHS, "pathfinder").z)
    best = int(climb.rows.value.argmin())
    centre = torch.as_tensor(climb.rows.z[best], dtype=torch.float64)
    shape = spectrum(objective.hessian(centre), centre)
    half = shape.scale[:, None] * shape.vectors / shape.values.abs().clamp(min=1e-6).sqrt()
    return centre, half
