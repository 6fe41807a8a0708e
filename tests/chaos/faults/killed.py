"""`kill -9`, of every part."""

import random
import signal

from tests import processes
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service


class GatewayKilled(AbstractFault):
    """Streams break, requests are lost."""

    name = "kill -9 gateway"
    ends = "gateway"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill its first process; those that it has forked end with it."""
        return _kill(service.gateway())


class AnsweringKilled(AbstractFault):
    """Of the processes that answer at one address, one is gone, and its connections with it."""

    name = "kill -9 one of the gateway's"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill one."""
        return _kill(*_one(service.answering(), chance))


class DispatcherKilled(AbstractFault):
    """Its jobs have leases that nobody prolongs, its Ray ends with it."""

    name = "kill -9 dispatcher"
    ends = "dispatcher"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill it."""
        return _kill(service.dispatcher())


class WorkerKilled(AbstractFault):
    """One job goes on in another worker."""

    name = "kill -9 worker actor"

    def fits(self, service: Service) -> bool:
        """Return whether workers are processes."""
        return service.cluster == "local"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill one, busy or idle."""
        return _kill(*_one(service.actors(), chance))


class RayletKilled(AbstractFault):
    """The node's own part of Ray dies, which its head never tells."""

    name = "kill -9 raylet"
    ends = "dispatcher"

    def fits(self, service: Service) -> bool:
        """Return whether there is one."""
        return service.cluster == "local"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill it."""
        return _kill(*service.ray("raylet"))


class HeadKilled(AbstractFault):
    """All of Ray dies, workers included; the dispatcher alone lives on."""

    name = "kill -9 Ray head"
    ends = "dispatcher"

    def fits(self, service: Service) -> bool:
        """Return whether there is one."""
        return service.cluster == "local"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill its processes in any order."""
        ray = service.ray()
        chance.shuffle(ray)
        return _kill(*ray)


class AllKilled(AbstractFault):
    """`kill -9` everything, `credence serve` again."""

    name = "kill -9 everything"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Kill it and start it again on the same home."""
        service.kill()
        service.start()
        return True


def _one(numbers: list[int], chance: random.Random) -> list[int]:
    return chance.sample(numbers, min(len(numbers), 1))


def _kill(*numbers: int | None) -> bool:
    there = [number for number in numbers if number is not None]
    processes.send(there, signal.SIGKILL)
    return bool(there)
