"""Ground that is rounded: the log density as a stochastic ascent sees it in low precision."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from models.precision import LowName, native_low
from workers.engines.kernels.scaler import Scaler, start_scaler
from workers.results import LowPrecision, Warning

#: What may be asked for; `auto`: what the device rounds to.
Asked = Literal["auto", "bfloat16", "float16"]


class Sloped(Protocol):
    """What a stochastic ascent climbs; any log density is one."""

    def value_and_grad(
        self, z: Tensor, target: Target = Target.POSTERIOR, /
    ) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D`, at `z`: `C x D`."""


@dataclass(frozen=True)
class Rough:
    """A log density with its products in low precision."""

    density: AbstractLogDensity
    low: LowName
    scale: float

    def value_and_grad(
        self, z: Tensor, target: Target = Target.POSTERIOR, /
    ) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D`, at `z`: `C x D`."""
        if target is not Target.POSTERIOR:
            return self.density.value_and_grad(z, target)
        return self.density.rough(z, self.low, self.scale)


def first_scaler(
    density: AbstractLogDensity, asked: Asked, target: Target = Target.POSTERIOR
) -> Scaler | None:
    """Return the state of a fit that rounds; None where nothing is: a mode is climbed exactly."""
    if density.exact is density or target is not Target.POSTERIOR:
        return None
    return start_scaler(native_low(density.device) if asked == "auto" else asked)


def ground(density: AbstractLogDensity, scaler: Scaler | None) -> Sloped:
    """Return what the next step climbs."""
    return density if scaler is None else Rough(density, scaler.low, scaler.scale)


def not_finite(gradient: tuple[Tensor, ...]) -> int:
    """Return how many numbers of a gradient are not finite."""
    return int(torch.stack([(~part.isfinite()).sum() for part in gradient]).sum())


def report(met: tuple[Scaler, ...], failed: Scaler | None) -> LowPrecision | None:
    """Return what the result says of low precision; None of a fit that rounded nothing.

    Args:
        met: at the points of the trace.
        failed: where the first attempt ended, if the fit began again without rounding.
    """
    shown = met if failed is None else (failed,)
    if not shown:
        return None
    return LowPrecision(
        type=shown[-1].low,
        restarted=failed is not None,
        scale=[scaler.scale for scaler in shown],
        skipped=[scaler.skipped for scaler in shown],
        overflows=[scaler.overflows for scaler in shown],
    )


def restart_warning(failed: Scaler) -> Warning:
    """Return what is said of a fit that began again."""
    return Warning(
        code="low_precision",
        message=f"With matrix products in {failed.low} the fit met numbers that were not finite at "
        f"{failed.skipped} steps and ended, so it began again in float32, whose numbers these are. "
        "Ask for the precision float32, or centre and scale the data.",
    )
