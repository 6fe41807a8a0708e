"""The scale of a gradient in a narrow type: as large as it may be without overflow.

Micikevicius et al., Mixed precision training (2018), section 3.2, with the constants and the rule
of `torch.amp.GradScaler`, as a function from state to state: a gradient that is not finite halves
the scale and its step is skipped; 2000 good steps in a row double it.
"""

import math
from dataclasses import dataclass, replace

from models.precision import LowName

#: The first scale; what an overflow and a run of good steps multiply it by; and that run's length.
FIRST, BACKOFF, GROWTH, INTERVAL = 2.0**16, 0.5, 2.0, 2000


@dataclass(frozen=True)
class Scaler:
    """What a fit in low precision has met."""

    low: LowName
    #: 1 always in bf16, which has float32's range.
    scale: float
    #: Good steps in a row since the scale last changed.
    good: int = 0
    #: Steps left out, and numbers in their gradients that were not finite.
    skipped: int = 0
    overflows: int = 0


def start_scaler(low: LowName) -> Scaler:
    """Begin before the first step."""
    return Scaler(low, FIRST if low == "float16" else 1.0)


def follow_scale(scaler: Scaler, overflows: int | None) -> Scaler:
    """Take one step in.

    Args:
        scaler: before it.
        overflows: of a step that is left out, the numbers of its gradient that were not finite.
    """
    steady = scaler.low != "float16"
    if overflows is not None:
        return replace(
            scaler,
            scale=scaler.scale if steady else BACKOFF * scaler.scale,
            good=0,
            skipped=scaler.skipped + 1,
            overflows=scaler.overflows + overflows,
        )
    if scaler.good + 1 < INTERVAL or steady:
        return replace(scaler, good=scaler.good + 1)
    grown = GROWTH * scaler.scale
    return replace(scaler, scale=grown if math.isfinite(grown) else scaler.scale, good=0)
