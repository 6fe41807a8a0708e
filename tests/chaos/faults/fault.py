"""The face of a fault."""

import random
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from tests.chaos.service import Service


class AbstractFault(ABC):
    """Something that goes wrong, at a moment that somebody else chooses."""

    #: As it is counted.
    name: ClassVar[str]
    #: The part that ends by it and that its supervisor starts again, though not endlessly often.
    ends: ClassVar[Literal["gateway", "dispatcher"] | None] = None

    def fits(self, service: Service) -> bool:
        """Return whether it can befall this service."""
        return True

    @abstractmethod
    def strike(self, service: Service, chance: random.Random) -> bool:
        """Let it happen, and pass if it does so by itself.

        Args:
            service: whole, with a job that runs.
            chance: chooses where there is a choice.

        Returns:
            Whether there was something to strike.
        """
