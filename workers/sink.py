"""Where a run's draws, events and checkpoints go, and who may stop it: what the loop knows."""

import enum
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from workers.checkpoints.checkpoint import Checkpoint
from workers.engines.engine import Draws
from workers.plan import Plan

Array = np.ndarray[Any, Any]


class StopReason(enum.StrEnum):
    """Why a run is asked to end early."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"


class Control(Protocol):
    """Asked at every step, and before a run acts on what it chose."""

    def stop(self) -> StopReason | None:
        """Return why the run must end now, or None."""

    def commit(self, plan: Plan) -> bool:
        """Write the plan down where the next attempt finds it, and wait until it is there.

        Returns:
            Whether the run may act on it; if not, the run is asked to stop.
        """


class AbstractSink(Protocol):
    """Takes what a run gives, as it comes."""

    def emit(self, kind: str, payload: dict[str, Any]) -> None:
        """Take an event: `progress`, `elbo`, `checkpoint` or `log`."""

    def write(self, draws: Mapping[str, Array], stats: Mapping[str, Array]) -> None:
        """Take a block: constrained draws `C x K x shape` by name, statistics `C x K` by name.

        Either may be empty; everything is float64.
        """

    def draws(self) -> Draws:
        """Return all that was written; nothing is written after."""


class AbstractKeeper(Protocol):
    """Keeps what a run would go on from, should it be interrupted."""

    def offer(self, whole: bool, made: Callable[[], Checkpoint]) -> None:
        """Keep a checkpoint if it is time.

        Args:
            whole: whether all draws are in blocks that are written.
            made: makes it; called only if it is time.
        """

    def end(self, state: Any) -> None:
        """Keep what another job may go on from: the engine's state after its last step."""
