"""Jobs: what is known about one, and which way its state may move.

queued -> running -> succeeded | failed | cancelled | expired
   |  ^      |
   |  +------+  lease lost: back in the queue, attempts counted
   +-> cancelled
"""

import enum
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Seconds that a lease lasts at the most: one that ends later was given before the clock went back.
LONGEST_LEASE = 900.0

#: Seeds are drawn from `0 ... SEEDS - 1`, which a signed 64-bit column holds.
SEEDS = 2**63


class JobState(enum.StrEnum):
    """Where the work stands. It says nothing about the numbers: that is the `Outcome`."""

    #: Stored, waiting for a worker.
    QUEUED = "queued"
    #: A worker holds its lease.
    RUNNING = "running"
    #: Its result is published.
    SUCCEEDED = "succeeded"
    #: It ended with the problem in `error`.
    FAILED = "failed"
    #: Somebody asked for its end; what was computed stays readable.
    CANCELLED = "cancelled"
    #: It reached `limits.max_seconds`; what was computed stays readable.
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the state never changes again."""
        return not TRANSITIONS[self]

    def may_become(self, state: "JobState") -> bool:
        """Return whether a job in this state may move to `state`."""
        return state in TRANSITIONS[self]


#: State -> the states that may follow.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.EXPIRED,
        }
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.EXPIRED: frozenset(),
}


class Progress(BaseModel):
    """How far a running job is; surplus numbers of a progress event are left to the event."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    done: int | None = None
    total: int | None = None
    #: Steps per second.
    rate: float | None = None
    eta_seconds: float | None = None
    phase: str | None = None


class JobOrigin(BaseModel):
    """The job that another one goes on from."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job: str
    #: `extend`: with its draws; `warm_start`: with what it had learnt.
    use: Literal["extend", "warm_start"]


class Job(BaseModel):
    """A job as the store knows it. Dumped, it is the HTTP answer but for its links."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    state: JobState
    #: The engine's options with their `kind`.
    engine: dict[str, Any]
    seed: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: How many workers have started it.
    attempts: int = 0
    progress: Progress | None = None
    #: Why it failed: an RFC 9457 problem `{type, title, detail, ...}`.
    error: dict[str, Any] | None = None
    labels: dict[str, str] = {}
    origin: JobOrigin | None = None

    #: Who submitted it; a caller sees only its own jobs.
    owner: str = Field(exclude=True)
    #: The posted request without its data, seed filled in.
    request: dict[str, Any] = Field(exclude=True)
    #: The model's definition, also where the request names it by id.
    definition: dict[str, Any] = Field(exclude=True)
    #: Where the data lie in the artifact store.
    input_key: str = Field(exclude=True)
    #: The fencing token of the latest claim; 0 before the first.
    token: int = Field(default=0, exclude=True)
    #: Where the published artifacts lie, `jobs/<id>/<token>`.
    result_prefix: str | None = Field(default=None, exclude=True)
    #: What its workers have chosen so far, a `workers.plan.Plan`: every attempt follows it.
    plan: dict[str, Any] | None = Field(default=None, exclude=True)
    cancel_requested: bool = Field(default=False, exclude=True)
    #: When its draws were deleted by policy; None: they were not.
    draws_expired_at: datetime | None = Field(default=None, exclude=True)
    #: The id of the latest event.
    event_count: int = Field(default=0, exclude=True)


def draw_seed() -> int:
    """Draw a seed for a job that came without one."""
    return secrets.randbelow(SEEDS)
