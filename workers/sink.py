"""Where a run's draws and events go, and who may stop it: the faces that the loop knows."""

import enum
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

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
        """Take an event: `progress`, `elbo` or `log`."""

    def write(self, draws: Mapping[str, Array], stats: Mapping[str, Array]) -> None:
        """Take a block: constrained draws `C x K x shape` by name, statistics `C x K` by name.

        Either may be empty; everything is float64.
        """

    def draws(self) -> Draws:
        """Return all that was written; nothing is written after."""
