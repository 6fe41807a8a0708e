"""Turns steps into events, a few a second however fast the steps are, and times the phases."""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workers.checkpoints.checkpoint import Told
from workers.engines.engine import Info
from workers.running_r_hat import RunningRHat
from workers.sink import AbstractSink

#: Seconds between two events of a kind at the least.
INTERVAL = 0.25


class Reporter:
    """Follows one run.

    Args:
        sink: takes the events.
        clock: seconds that only move forward.
        earlier: what an interrupted run had told, to go on from.
    """

    def __init__(
        self,
        sink: AbstractSink,
        clock: Callable[[], float] = time.perf_counter,
        earlier: Told | None = None,
    ) -> None:
        earlier = earlier or Told()
        self._sink = sink
        self._clock = clock
        self._last = clock()
        self._began = self._last - sum(earlier.seconds.values())
        self._sent = -math.inf
        self._latest: Info | None = None
        self._elbo: list[tuple[int, float]] = []
        self._r_hat = RunningRHat(earlier.spread)
        self._draws: list[Tensor] = []
        #: Seconds by phase, `warmup` and `sample`; what is neither counts as `sample`.
        self.timings: dict[str, float] = dict(earlier.seconds)

    def take(self, info: Info) -> None:
        """Note a step that has just been made."""
        now = self._clock()
        phase = "warmup" if info.phase == "warmup" else "sample"
        self.timings[phase] = self.timings.get(phase, 0.0) + now - self._last
        self._last, self._latest = now, info
        if info.elbo is not None:
            self._elbo.append(info.elbo)
        # Draws of a chain only: independent draws have nothing to converge.
        if info.phase == "sample" and info.draws is not None:
            self._draws.append(info.draws)
        if now - self._sent >= INTERVAL:
            self._send(now)

    def told(self) -> Told:
        """Send what has not been sent, and return what another run would go on from."""
        self.close()
        return Told(dict(self.timings), self._r_hat.spread())

    def close(self) -> None:
        """Send what has not been sent."""
        if self._latest is not None:
            self._send(self._clock())

    def _send(self, now: float) -> None:
        assert self._latest is not None
        self._sent = now
        progress = _progress(self._latest, now - self._began)
        self._sink.emit("progress", {**progress, **self._mixing()})
        if self._elbo:
            steps, values = zip(*self._elbo, strict=True)
            self._elbo = []
            self._sink.emit("elbo", {"steps": list(steps), "values": [_number(v) for v in values]})

    def _mixing(self) -> dict[str, float]:
        """Return the R-hat so far, under its name; nothing where there is none."""
        if self._draws:
            self._r_hat.add(torch.cat(self._draws, dim=1))
            self._draws = []
        value = self._r_hat.value()
        return {} if value is None else {"r_hat": value}


def _progress(info: Info, elapsed: float) -> dict[str, Any]:
    rate = info.done / elapsed if elapsed > 0 else None
    return {
        "done": info.done,
        "total": info.total,
        "rate": rate,
        "eta_seconds": (info.total - info.done) / rate if rate else None,
        "phase": info.phase,
        **{name: _number(value) for name, value in info.progress.items()},
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
