"""A disk without room, while draws are written."""

import random
import time

from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service

#: Seconds until somebody makes room.
SECONDS = 6.0


class DiskFull(AbstractFault):
    """Draws, checkpoints and results find no room."""

    name = "disk full"

    def fits(self, service: Service) -> bool:
        """Return whether artifacts lie on a disk of our own."""
        return service.disk is not None

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Fill it for a while."""
        assert service.disk is not None
        service.disk.fill()
        time.sleep(SECONDS)
        service.disk.free()
        return True
