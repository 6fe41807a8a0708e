"""A database server that is restarted without being asked whether it suits."""

import random

from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service


class PostgresRestarted(AbstractFault):
    """Connections break, transactions under way are undone."""

    name = "PostgreSQL restarted"

    def fits(self, service: Service) -> bool:
        """Return whether there is a server."""
        return service.postgres is not None

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Restart it as after a crash."""
        assert service.postgres is not None
        service.postgres.restart()
        return True
