"""What passes between dispatcher and worker: a Task there, Batches of events and a Receipt back.

All of it is JSON: nothing that a user sent is pickled, and a worker needs no database.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.plan import Plan
from workers.trail import NOWHERE, Trail


class Message(BaseModel):
    """Base of what crosses the process boundary."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Greeting(Message):
    """What a worker says of itself once it is warm."""

    process: int
    #: The name of its machine, container or pod.
    host: str
    #: The version of this program that it runs.
    version: str
    #: Whether there is a C++ compiler; without one everything is computed interpreted.
    compiler: bool = True
    #: The name of its GPU; None where it has none, or none that its torch can use.
    gpu: str | None = None


class Origin(Message):
    """The job that another one goes on from."""

    job: str
    #: `extend`: with its draws and its last state; `warm_start`: with what it had learnt.
    use: Literal["extend", "warm_start"]
    #: Of its published artifacts.
    prefix: str


class Task(Message):
    """One attempt at one job, with all that a worker must know."""

    job: str
    #: The fencing token of the attempt.
    token: int
    #: The model's definition as posted.
    definition: dict[str, Any]
    #: Artifact key of the data, canonical JSON.
    input_key: str
    #: The engine's options as posted.
    engine: dict[str, Any]
    seed: int
    #: `models.precision.PrecisionName`, spelt out: its module needs torch, the dispatcher does not.
    precision: Literal["float64", "float32", "mixed"] = "float64"
    tier: Literal["auto", "interpreted", "compiled"] = "auto"
    #: What an earlier attempt chose, a `Plan`; the worker checks it, so that a row that it cannot
    #: read fails the job and not the dispatcher.
    plan: dict[str, Any] | None = None
    #: torch threads.
    threads: int = Field(default=1, ge=1)
    #: Of the worker that it needs.
    gpus: int = Field(default=0, ge=0, le=1)
    #: Seconds of work after which the run ends as `expired`; None: no limit.
    max_seconds: float | None = None
    #: Seconds that the job waited for this attempt.
    queued_seconds: float | None = None
    #: URL of the artifact store, and the key prefix of this attempt in it.
    artifacts: str
    prefix: str
    #: The job that this one goes on from.
    origin: Origin | None = None
    #: Whose job it is, and where it comes from: for the log.
    owner: str | None = None
    trail: Trail = NOWHERE


class Phase(Message):
    """A part of a run, from one moment to another in seconds since 1970."""

    name: str
    began: float
    ended: float


class Account(Message):
    """What a run was like, for those who watch the service."""

    host: str
    #: The engine that ran, also where `auto` picked it.
    engine: str
    #: `interpreted`, `compiled`, or `switched` from the one to the other.
    tier: str
    #: Until the model was ready for the first step.
    compile_seconds: float
    #: Over all chains.
    draws: int
    divergences: int | None = None
    #: Of the entry of any quantity that has the fewest effective draws.
    ess_per_second: float | None = None
    phases: tuple[Phase, ...] = ()


class Receipt(Message):
    """How an attempt ended; what it computed lies in the artifact store under its prefix."""

    #: `succeeded`, `failed`, `cancelled` or `expired`.
    state: str
    #: Whether the prefix holds a `result.json`.
    result: bool = False
    #: The problem (RFC 9457) of a failed job.
    error: dict[str, Any] | None = None
    #: For the log, never for the answer: where an unexpected exception came from.
    traceback: str | None = None
    #: The worker may be damaged (memory, native code) and should take no other job.
    fault: bool = False
    #: Of a run that came to its end, or was stopped with something to show.
    account: Account | None = None


class Event(Message):
    """Something that a run tells its reader while it goes on."""

    kind: str
    payload: dict[str, Any]


class Proposal(Message):
    """A plan that a run waits to act on until its number is confirmed."""

    #: Counted over the life of the worker, so that a late confirmation means no other plan.
    number: int
    plan: Plan


class Footprint(Message):
    """What a worker's process takes of the memory of its machine or container, in bytes."""

    #: The most that it has held at a time.
    held: int
    there: int | None = None


class Batch(Message):
    """The events since the last poll, in order; the receipt comes with or after the last one."""

    events: tuple[Event, ...] = ()
    proposal: Proposal | None = None
    receipt: Receipt | None = None
    #: Of a worker with a process of its own: what to tell of it should it be killed.
    footprint: Footprint | None = None
    #: Lines of the worker's log, for the dispatcher's.
    records: tuple[dict[str, Any], ...] = ()
