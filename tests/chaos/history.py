"""What was asked of the service, what it said, and what befell it: the evidence for the checker."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from workers.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """Somebody is about to submit a job."""

    key: str
    #: Equal orders have equal answers.
    what: str
    #: How it should end.
    end: JobState


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """The service has said that it has a job."""

    key: str
    job: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The service has answered with an error that is none of being away or busy."""

    key: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event came over a job's stream."""

    at: float
    job: str
    number: int
    kind: str
    #: Of an event of the kind `state`.
    state: JobState | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A job was shown in a state."""

    at: float
    job: str
    state: JobState


@dataclass(frozen=True, kw_only=True)
class CancelAsked:
    """The service has said that it will end a job."""

    at: float
    job: str


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A digest of a job's result and of every bit of its draws."""

    job: str
    what: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The same of a job that nothing befell."""

    what: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A fault, from its beginning until the service was whole again."""

    fault: str
    began: float
    over: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """A job in the database and the artifact store, after all was over."""

    job: str
    #: The order that it was submitted for.
    key: str
    state: JobState
    #: Why it failed.
    error: str | None = None
    attempts: int
    #: Id, kind and state of every event.
    events: tuple[tuple[int, str, JobState | None], ...]
    #: Where its row says that the result lies.
    published: str | None = None
    #: Where there are results.
    results: tuple[str, ...] = ()
    #: Attempts that went on from a checkpoint, and checkpoints that were of no use.
    resumed: int = 0
    doubted: int = 0


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """Something that belongs to nothing: a process, an actor, a file."""

    what: str


Entry = (
    Ordered
    | Acknowledged
    | Refused
    | Told
    | Seen
    | CancelAsked
    | Fingerprint
    | Reference
    | Struck
    | Found
    | Orphan
)
T = TypeVar("T", bound=Entry)


class History:
    """Entries in the order in which they were made, from any thread."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        with self._lock:
            self._entries.append(entry)

    def of(self, kind: type[T]) -> Iterator[T]:
        """Return the entries of one kind so far, the oldest first."""
        with self._lock:
            entries = list(self._entries)
        return (entry for entry in entries if isinstance(entry, kind))


def now() -> float:
    """Tell the time of a history: seconds that only move forward."""
    return time.monotonic()
