"""A wall clock that is put right, or wrong, by an hour."""

import random
import time

from tests.chaos.clock import HOUR
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service


class ClockJumped(AbstractFault):
    """An hour on, and the next time an hour back."""

    name = "clock jumps an hour"

    def fits(self, service: Service) -> bool:
        """Return whether the clock can be moved."""
        return service.clock is not None

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Move the clock, and wait for whoever thinks that a lease has passed."""
        assert service.clock is not None
        service.clock.jump(-HOUR if service.clock.shift else HOUR)
        time.sleep(service.lease)
        return True
