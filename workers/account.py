"""What a run was like, for those who watch the service: counted and traced by the dispatcher."""

import math
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from workers.dispatch.task import Account, Phase
from workers.results import Result


class Timeline:
    """What a run does when; of a phase that fails it tells nothing."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []

    @contextmanager
    def lasting(self, name: str) -> Iterator[None]:
        """Take the time of a block."""
        began = time.time()
        yield
        self.phases.append(Phase(name=name, began=began, ended=time.time()))


def account_of(result: Result, draws: int, phases: Iterable[Phase]) -> Account:
    """Return the account of a run.

    Args:
        result: what it found.
        draws: how many it made, over all chains.
        phases: what it did when.
    """
    timing, found = result.timing, result.diagnostics
    fewest = _fewest(result)
    return Account(
        host=socket.gethostname(),
        engine=result.engine["kind"],
        tier=_tier(result),
        compile_seconds=timing.compile or 0.0,
        draws=draws,
        divergences=None if found is None else found.divergences,
        ess_per_second=None if fewest is None or not timing.total else fewest / timing.total,
        phases=tuple(phases),
    )


def _tier(result: Result) -> str:
    return "switched" if result.compiled_from else result.tier


def _fewest(result: Result) -> float | None:
    """Return the smallest bulk ESS of any entry; None where there is none."""
    sizes = (
        size for summary in (result.summary or {}).values() for size in _flat(summary.ess_bulk)
    )
    return min(sizes, default=None)


def _flat(values: Any) -> Iterator[float]:
    if isinstance(values, list | tuple):
        for value in values:
            yield from _flat(value)
    elif values is not None and math.isfinite(values):
        yield float(values)
