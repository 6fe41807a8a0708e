"""The seam between the dispatcher and the place where work is done."""

from abc import ABC, abstractmethod

from workers.dispatch.task import Batch, Task
from workers.errors import WorkerError


class WorkerLostError(WorkerError):
    """The worker that ran the job is gone.

    Attributes:
        blameless: whether the job surely had no part in it, so that the attempt does not count.
    """

    kind = "worker-lost"

    def __init__(self, detail: str | None = None, *, blameless: bool = False) -> None:
        super().__init__(detail)
        self.blameless = blameless


class MemoryLostError(WorkerLostError):
    """The worker that ran the job was killed because no memory was left."""

    kind = "out-of-memory"


class ClusterLostError(WorkerError):
    """The cluster does not answer any more."""

    kind = "cluster-lost"


class AbstractRun(ABC):
    """A task in the hands of a worker."""

    @abstractmethod
    def poll(self, wait: float) -> Batch | None:
        """Return the next events, in order and each once.

        Args:
            wait: seconds to wait for one.

        Returns:
            The batch, empty when nothing happened; None when the worker did not answer in time.

        Raises:
            WorkerLostError: the worker is gone; what it had not handed over is lost.
        """

    @abstractmethod
    def confirm(self, number: int) -> None:
        """Tell the run that a plan is on its job's row, so that it may act on it; returns at once.

        Args:
            number: of the proposal.
        """

    @abstractmethod
    def stop(self, reason: str) -> None:
        """Ask the run to end at its next step; returns at once.

        Args:
            reason: `cancelled` or `deadline`.
        """

    @abstractmethod
    def kill(self) -> None:
        """End the run by force and replace its worker."""

    @abstractmethod
    def close(self, *, fault: bool = False) -> None:
        """Give the worker back after its receipt; a faulty one is replaced."""


class AbstractBackend(ABC):
    """A pool of warm workers, one task at a time each."""

    @abstractmethod
    def free(self, gpus: int = 0) -> int:
        """Return how many tasks that ask for so many GPUs could start now."""

    @abstractmethod
    def warm(self) -> int:
        """Return how many workers have started up, idle or with a task.

        Raises:
            ClusterLostError: there is nothing left to work with; a new process may find it again.
        """

    @abstractmethod
    def gpus(self) -> int:
        """Return how many workers, warm or to be soon, have a GPU."""

    @abstractmethod
    def trouble(self) -> str | None:
        """Return what keeps workers away, as a sentence for whoever runs the service, or None."""

    @abstractmethod
    def start(self, task: Task) -> AbstractRun:
        """Hand a task to a free worker; returns at once, and `poll` tells whether it took it.

        Raises:
            WorkerLostError: no such worker is free.
        """

    @abstractmethod
    def close(self) -> None:
        """End every worker, by force where needed."""
