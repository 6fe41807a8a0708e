"""What a run must know to go on as if it had never been interrupted.

Shape letters: `C` chains, `K` draws of a step, `D` unconstrained dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Held:
    """Draws that wait for their block to be full: blocks are the same after an interruption."""

    #: `C x K x D` each, unconstrained.
    draws: tuple[Tensor, ...] = ()
    #: Statistics of those draws by name, `C x K` each.
    stats: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Mean and spread of chains so far, for the R-hat of a progress bar: `C x D` each."""

    count: int
    mean: Tensor
    spread: Tensor


@dataclass(frozen=True)
class Told:
    """What the reader of a run has been told."""

    #: Seconds by phase.
    seconds: Mapping[str, float] = field(default_factory=dict)
    spread: Spread | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps."""

    #: Steps made.
    step: int
    #: The engine's.
    state: Any
    held: Held = Held()
    told: Told = Told()
