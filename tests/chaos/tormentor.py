"""Whoever brings the faults, one after the other, each at a random moment of running jobs."""

import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from tests.chaos.faults.fault import AbstractFault
from tests.chaos.history import History, Struck, now
from tests.chaos.service import Service
from workers.jobs import Job, JobState
from workers.store.errors import StoreError
from workers.store.leases import MAX_ATTEMPTS
from workers.store.store import Store

#: Seconds between the service's recovery and the next fault.
REST = (1.0, 4.0)
#: Seconds to wait for a job that runs; then a fault strikes an idle service.
PATIENCE = 20.0
#: Seconds to recover.
RECOVERY = 120.0
#: The supervisor gives up a part that ends more often within so many seconds.
ENDS, WINDOW = 3, 65.0


class Tormentor:
    """Strikes one service."""

    def __init__(
        self,
        service: Service,
        history: History,
        chance: random.Random,
        say: Callable[[str], object],
    ) -> None:
        """Strike nothing yet.

        Args:
            service: whole.
            history: takes what was struck.
            chance: chooses moments and victims.
            say: takes a line for whoever watches.
        """
        self._service = service
        self._history = history
        self._chance = chance
        self._say = say
        #: When parts have ended, the latest times.
        self._ends: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=ENDS))
        #: The processes of the parts before the fault.
        self._before: dict[str, int | None] = {}

    def strike(self, fault: AbstractFault) -> bool:
        """Wait for a good moment, strike, and wait until the service is whole again.

        Returns:
            Whether there was something to strike.

        Raises:
            ServiceError: it does not recover.
        """
        self._spare(fault)
        time.sleep(self._chance.uniform(*REST))
        self._await_prey()
        self._before = {
            "gateway": self._service.gateway(),
            "dispatcher": self._service.dispatcher(),
        }
        began = now()
        struck = fault.strike(self._service, self._chance)
        if fault.ends is not None:
            self._ends[fault.ends].append(began)
            self._await_end(fault.ends)
        self._service.await_whole(RECOVERY)
        over = now()
        if struck:
            self._history.add(Struck(fault=fault.name, began=began, over=over))
            self._say(f"{fault.name}: whole again after {over - began:.1f} s")
        return struck

    def _spare(self, fault: AbstractFault) -> None:
        """Wait as long as the supervisor would take one more end of a part for a failure."""
        ends = self._ends[fault.ends or ""]
        if len(ends) == ENDS:
            time.sleep(max(0.0, ends[0] + WINDOW - now()))

    def _await_end(self, part: str) -> None:
        """Wait until a part that is about to end has."""
        tell = self._service.gateway if part == "gateway" else self._service.dispatcher
        before, end = self._before[part], now() + RECOVERY
        while tell() == before and now() < end:
            time.sleep(0.1)

    def _await_prey(self) -> None:
        """Wait until a job runs, and none that would rightly fail if it lost one more worker."""
        patience, limit = now() + PATIENCE, now() + RECOVERY
        while now() < limit:
            try:
                running, _ = self._service.store.list_jobs(None, state=JobState.RUNNING)
                last = any(_is_last(self._service.store, job) for job in running)
            except StoreError:
                continue
            if not last and (running or now() > patience):
                return
            time.sleep(0.2)


def plan(
    faults: Sequence[AbstractFault], rounds: int, chance: random.Random
) -> list[AbstractFault]:
    """Return every fault so often, in an order that changes from round to round."""
    found: list[AbstractFault] = []
    for _ in range(rounds):
        found += chance.sample(faults, len(faults))
    return found


def _is_last(store: Store, job: Job) -> bool:
    """Return whether this is the last of the attempts that may come to nothing."""
    if job.attempts < MAX_ATTEMPTS:
        return False
    fruitless = 0
    for event in store.events(job.id, limit=100_000):
        if event.kind == "checkpoint":
            fruitless = 0
        elif event.kind == "state" and event.payload["state"] == JobState.RUNNING:
            fruitless += 1
    return fruitless >= MAX_ATTEMPTS
