"""A checkpoint that cannot be read when it is needed: the one before it counts."""

import random
import signal
import time
from abc import abstractmethod
from pathlib import Path

from tests import processes
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.service import Service
from workers.jobs import JobState
from workers.store.artifacts import CHECKPOINTS
from workers.store.errors import StoreError

#: Seconds to wait for a job that has two.
PATIENCE = 25.0


class AbstractDamagedCheckpoint(AbstractFault):
    """The latest checkpoint of every running job is damaged, and all workers die."""

    def fits(self, service: Service) -> bool:
        """Return whether workers are processes."""
        return service.cluster == "local"

    def strike(self, service: Service, chance: random.Random) -> bool:
        """Do so as soon as a running job has two checkpoints."""
        end = time.monotonic() + PATIENCE
        while not _pairs(service):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        # Nobody writes another one meanwhile.
        workers = service.actors()
        processes.send(workers, signal.SIGSTOP)
        pairs = _pairs(service)
        for pair in pairs:
            self._damage(max(pair, key=lambda path: path.stat().st_mtime_ns), chance)
        processes.send(workers, signal.SIGKILL if pairs else signal.SIGCONT)
        return bool(pairs)

    @abstractmethod
    def _damage(self, path: Path, chance: random.Random) -> None:
        """Damage a file."""


class TruncatedCheckpoint(AbstractDamagedCheckpoint):
    """It ends too soon, as after a power cut."""

    name = "checkpoint truncated"

    def _damage(self, path: Path, chance: random.Random) -> None:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(chance.randrange(size))


class CorruptedCheckpoint(AbstractDamagedCheckpoint):
    """One bit of it is another."""

    name = "checkpoint corrupted"

    def _damage(self, path: Path, chance: random.Random) -> None:
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)


def _pairs(service: Service) -> list[list[Path]]:
    """Return both checkpoints of the attempts under way that have two."""
    found = []
    try:
        running, _ = service.store.list_jobs(None, state=JobState.RUNNING)
    except StoreError:
        return []
    for job in running:
        folder = Path(service.artifacts.url.removeprefix("file://"), f"jobs/{job.id}/{job.token}")
        pair = [folder / name for name in CHECKPOINTS]
        if all(path.exists() for path in pair):
            found.append(pair)
    return found
