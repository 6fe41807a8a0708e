"""SIGSTOP for longer than a lease: whoever wakes up is late for everything."""

import random
import signal
import time

from tests import processes
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service

#: Seconds beyond the lease.
BEYOND = 3.0


class DispatcherPaused(AbstractFault):
    """Its workers go on meanwhile, and another dispatcher may take its jobs."""

    name = "SIGSTOP dispatcher past the lease"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Stop it and let it go on."""
        return _pause(service, service.dispatcher())


class WorkerPaused(AbstractFault):
    """A worker of which nothing is heard, and that is not dead."""

    name = "SIGSTOP worker past the lease"

    def fits(self, service: Service) -> bool:
        """Return whether workers are processes."""
        return service.cluster == "local"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Stop one and let it go on."""
        actors = service.actors()
        return _pause(service, chance.choice(actors) if actors else None)


def _pause(service: Service, number: int | None) -> bool:
    if number is None:
        return False
    processes.send([number], signal.SIGSTOP)
    time.sleep(service.lease + BEYOND)
    processes.send([number], signal.SIGCONT)
    return True
