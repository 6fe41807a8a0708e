"""Where a run starts: points with a finite log density and gradient, or an error saying why not."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.errors import NoInitialPointError

#: `prior`: a draw from the prior; `uniform`: uniform(-2, 2) on the unconstrained scale;
#: `pathfinder`: from there on along an ascent, see `pathfinder`; one begins at the prior.
Init = Literal["prior", "uniform", "pathfinder"]

#: How often each chain may try.
TRIES = 100


class Point(NamedTuple):
    """One point per chain, with what was computed there."""

    #: `C x D`.
    z: Tensor
    #: `C` in float64.
    log_density: Tensor
    #: `C x D`.
    gradient: Tensor


def find_initial(
    density: AbstractLogDensity,
    generator: torch.Generator,
    chains: int,
    init: Init = "prior",
    target: Target = Target.POSTERIOR,
) -> Point:
    """Return a starting point for each chain, redrawn until log density and gradient are finite.

    Args:
        density: what to start on.
        generator: randomness; every try draws for all chains, so one chain's luck does not change
            another's start.
        chains: `C`.
        init: where the points come from.
        target: the log density that must be finite.

    Raises:
        NoInitialPointError: some chain found none in 100 tries; names the terms at fault.
    """
    draw = _source(density, generator, init)
    point = evaluate(density, draw(chains), target)
    good = finite(point)
    failed = [point.z[~good]]
    for _ in range(TRIES - 1):
        if bool(good.all()):
            return point
        # Where (-2, 2) is outside of the support, an ascent begins at the prior as well.
        draw = _source(density, generator, "prior") if init == "pathfinder" else draw
        fresh = evaluate(density, draw(chains), target)
        failed.append(fresh.z[~good & ~finite(fresh)])
        point = choose(good, point, fresh)
        good = finite(point)
    if bool(good.all()):
        return point
    raise _explain(density, torch.cat(failed)[-TRIES:], target)


def evaluate(density: AbstractLogDensity, z: Tensor, target: Target = Target.POSTERIOR) -> Point:
    """Return `z`: `C x D` with its log density and gradient."""
    return Point(z, *density.value_and_grad(z, target))


def finite(point: Point) -> Tensor:
    """Return which chains have a finite log density and gradient: `C`."""
    return point.log_density.isfinite() & point.gradient.isfinite().all(1)


def choose(where: Tensor, yes: Point, no: Point) -> Point:
    """Return `yes` for the chains in `where`: `C`, and `no` for the others."""
    return Point(
        torch.where(where[:, None], yes.z, no.z),
        torch.where(where, yes.log_density, no.log_density),
        torch.where(where[:, None], yes.gradient, no.gradient),
    )


def _source(
    density: AbstractLogDensity, generator: torch.Generator, init: Init
) -> Callable[[int], Tensor]:
    if init == "prior":
        return lambda count: density.initial(generator, count)

    def uniform(count: int) -> Tensor:
        u = torch.rand(
            count, density.dim, generator=generator, dtype=density.dtype, device=density.device
        )
        return 4 * u - 2

    def mixed(count: int) -> Tensor:
        """One draw of the prior, or the parameters' own `init`; drawing all there takes long."""
        return torch.cat([density.initial(generator, 1), uniform(count - 1)])

    return mixed if init == "pathfinder" else uniform


def _explain(density: AbstractLogDensity, z: Tensor, target: Target) -> NoInitialPointError:
    """Name the sites and factors that are not finite at the points `z`, worst first."""
    by_site = density.terms(z).by_site
    wrong = {name: int((~value.isfinite()).sum()) for name, value in by_site.items()}
    names = sorted((name for name in wrong if wrong[name]), key=lambda name: -wrong[name])
    said = density.trouble(z[-1])
    if said is not None:
        return NoInitialPointError(
            f"The log density is not finite at any of {TRIES} initial points. At the last one the "
            f"model says: {said}. Check the scale and support of its terms against the data.",
            tuple(names),
        )
    if names:
        which = ", ".join(f"{name} ({wrong[name]} of {len(z)})" for name in names)
        return NoInitialPointError(
            f"The log density is not finite at any of {TRIES} initial points. Not finite: {which}. "
            "Check the scale and support of these terms against the data, or give tighter priors.",
            tuple(names),
        )
    names = _without_gradient(density, z, target)
    return NoInitialPointError(
        f"The gradient of the log density is not finite at any of {TRIES} initial points; "
        f"it fails in: {', '.join(names) or 'no single parameter'}. "
        "Avoid functions without derivative where the parameters start.",
        tuple(names),
    )


def _without_gradient(density: AbstractLogDensity, z: Tensor, target: Target) -> list[str]:
    bad = (~density.value_and_grad(z, target)[1].isfinite()).any(0)  # D
    return [p.name for p in density.parameters if bool(bad[p.offset : p.offset + p.size].any())]
