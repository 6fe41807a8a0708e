"""A fit of continuous unknowns gets cells for the discrete ones beside them."""

from dataclasses import replace

import torch
from torch import Tensor

from models.mixed import MixedDensity
from workers.engines.kernels.adam import start_adam
from workers.engines.kernels.cell_search import CellSearch
from workers.engines.kernels.elbo import Estimate
from workers.engines.kernels.guide import Parameters, standard_normal
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.mixed import estimate_mixed, weigh_mixed
from workers.engines.kernels.vi_state import Fit

#: Draws of all unknowns that cells are laid for; rounds over the discrete ones at first.
DRAWS, SWEEPS = 16, 2
#: The probability at an end of the cells that has them laid anew.
CROWDED = 1e-3


def lay(
    mixed: MixedDensity, fit: Fit, values: Tensor, generator: torch.Generator
) -> tuple[Fit, Tensor, Tensor]:
    """Lay cells about a fit of the continuous unknowns that has none.

    Args:
        mixed: the density of both.
        fit: where its guide begins.
        values: of the discrete entries, `K`, where the search begins.
        generator: of the draws that cells are laid for.

    Returns:
        The fit of both; the most probable values, `K`; the draws, `S x D`.
    """
    z = _around(fit, fit.parameters, generator)
    search = CellSearch(mixed, z, values.expand(len(z), -1))
    cells, logits = [search.sweep(generator) for _ in range(SWEEPS)][-1]
    parameters = (*fit.parameters, logits)
    fit = replace(
        fit,
        parameters=parameters,
        summed=tuple(torch.zeros_like(p) for p in parameters),
        adam=start_adam(parameters),
        # What is rounded is the gradient of continuous unknowns alone.
        scaler=None,
        cells=cells,
    )
    return fit, search.modes, z


def lay_anew(mixed: MixedDensity, fit: Fit, generator: torch.Generator) -> Fit:
    """Lay the cells about where a fit has come to, if it crowds at an end of those there are."""
    assert fit.cells is not None
    *own, logits = fit.parameters
    if fit.count or not fit.cells.crowded(logits, CROWDED):
        return fit
    z = _around(fit, tuple(own), generator)
    _, values = fit.cells.draw(logits, generator, len(z))
    cells, fresh = CellSearch(mixed, z, values, fit.cells).sweep(generator)
    zeros = torch.zeros_like(fresh)
    adam = replace(
        fit.adam, mean=(*fit.adam.mean[:-1], zeros), square=(*fit.adam.square[:-1], zeros)
    )
    return replace(
        fit,
        parameters=(*own, fresh),
        summed=(*fit.summed[:-1], zeros),
        adam=adam,
        cells=cells,
    )


def estimate(
    mixed: MixedDensity,
    fit: Fit,
    parameters: Parameters,
    generator: torch.Generator,
    particles: int,
) -> Estimate:
    """Return the ELBO of a fit with these parameters, and its gradient."""
    assert fit.cells is not None
    return estimate_mixed(
        mixed, MeanField(), fit.frame, fit.cells, parameters, generator, particles
    )


def weigh(
    mixed: MixedDensity, fit: Fit, generator: torch.Generator, count: int, rows: int
) -> tuple[Tensor, Tensor]:
    """Return draws of the fitted guide, `count x (D + K)`, and log p - log q of each."""
    assert fit.cells is not None
    return weigh_mixed(
        mixed, MeanField(), fit.frame, fit.cells, fit.average, generator, count, rows
    )


def _around(fit: Fit, parameters: Parameters, generator: torch.Generator) -> Tensor:
    """Return draws of the continuous unknowns, `S x D`, the first of them at the centre."""
    noise = standard_normal(generator, DRAWS, fit.frame.centre)
    noise[0] = 0.0
    return fit.frame.place(MeanField().place(parameters, noise))
