"""Whether a history keeps what the service promises. A pure function: it asks nobody but its input.

Acknowledged means: `POST /v1/jobs` was answered with 202.
"""

import enum
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.history import (
    Acknowledged,
    CancelAsked,
    Fingerprint,
    Found,
    History,
    Ordered,
    Orphan,
    Reference,
    Refused,
    Seen,
    Struck,
    Told,
)
from workers.jobs import JobState

#: Seconds in which a cancelled job has ended, by force if need be.
CANCEL_SECONDS = 10.0


class Promise(enum.StrEnum):
    """What may be broken, by the word under which it is counted."""

    #: An acknowledged job is there and ends as it should.
    LOSS = "losses"
    #: One job an order, and one published result a job at the most.
    DUPLICATE = "duplicates"
    #: A job that was interrupted has the result and the draws of one that was not, bit for bit.
    DRAWS = "mismatched draws"
    #: States follow each other as they may, and the terminal one never changes.
    END = "changed ends"
    #: Ids are 1, 2, 3, ..., and a stream tells what the database has.
    EVENTS = "gaps in events"
    #: A cancelled job ends in time.
    CANCEL = "late cancels"
    #: Nothing is left that belongs to nothing.
    ORPHAN = "orphans"
    #: No request fails but for a service that is away or busy.
    REFUSAL = "failed requests"


@dataclass(frozen=True)
class Violation:
    """A promise that was broken, and how."""

    promise: Promise
    #: A job, or an order's key, or nothing.
    subject: str
    sentence: str


def check(history: History, settle: float) -> list[Violation]:
    """Return what a history says against the service.

    Args:
        history: of a run that is over.
        settle: seconds from a fault to when the lease of whoever it ended has run out.
    """
    rules = (_losses, _duplicates, _draws, _ends, _events, _orphans, _refusals)
    found = [violation for rule in rules for violation in rule(history)]
    return [*found, *_cancels(history, settle)]


def _losses(history: History) -> Iterator[Violation]:
    ends = {order.key: order.end for order in history.of(Ordered)}
    found = {job.job: job for job in history.of(Found)}
    for said in history.of(Acknowledged):
        job = found.get(said.job)
        if job is None:
            yield Violation(Promise.LOSS, said.job, "was acknowledged and is not there")
        elif job.state is not ends[said.key]:
            because = f" ({job.error})" if job.error else ""
            sentence = f"is {job.state}{because} and should be {ends[said.key]}"
            yield Violation(Promise.LOSS, said.job, sentence)
    acknowledged = {said.key for said in history.of(Acknowledged)}
    for key in ends.keys() - acknowledged - {refused.key for refused in history.of(Refused)}:
        yield Violation(Promise.LOSS, key, "was ordered and never answered")


def _duplicates(history: History) -> Iterator[Violation]:
    jobs: dict[str, set[str]] = defaultdict(set)
    for entry in (*history.of(Acknowledged), *history.of(Found)):
        jobs[entry.key].add(entry.job)
    for key, several in jobs.items():
        if len(several) > 1:
            yield Violation(Promise.DUPLICATE, key, f"became the jobs {sorted(several)}")
    for job in history.of(Found):
        wanted = () if job.published is None else (job.published,)
        if job.results != wanted:
            sentence = f"has results at {list(job.results)} and published {job.published}"
            yield Violation(Promise.DUPLICATE, job.job, sentence)


def _draws(history: History) -> Iterator[Violation]:
    expected = {reference.what: reference.digest for reference in history.of(Reference)}
    read = {}
    for answer in history.of(Fingerprint):
        read[answer.job] = answer
        if answer.digest != expected.get(answer.what):
            sentence = f"({answer.what}) differs from a run without faults"
            yield Violation(Promise.DRAWS, answer.job, sentence)
    for job in history.of(Found):
        if job.state is JobState.SUCCEEDED and job.job not in read:
            yield Violation(Promise.DRAWS, job.job, "succeeded and could not be read")


def _ends(history: History) -> Iterator[Violation]:
    final = {job.job: job.state for job in history.of(Found)}
    for job in history.of(Found):
        states = [state for _, _, state in job.events if state is not None]
        if not _legal(states) or states[-1] is not job.state or job.events[-1][2] is None:
            sentence = f"is {job.state} after {' '.join(states)}"
            yield Violation(Promise.END, job.job, sentence)
    ended: dict[str, JobState] = {}
    for shown in _shown(history):
        if shown.state is None:
            continue
        before = ended.get(shown.job)
        if shown.state.terminal:
            ended.setdefault(shown.job, shown.state)
        if before is not None and shown.state is not before:
            yield Violation(Promise.END, shown.job, f"was {before} and then {shown.state}")
    for job_id, state in ended.items():
        if final.get(job_id, state) is not state:
            yield Violation(Promise.END, job_id, f"was {state} and then {final[job_id]}")


def _legal(states: list[JobState]) -> bool:
    steps = itertools.pairwise(states)
    return states[:1] == [JobState.QUEUED] and all(a.may_become(b) for a, b in steps)


def _shown(history: History) -> list[Told | Seen]:
    """Return when which state was shown; a stream that is read late tells of the past."""
    told = [entry for entry in history.of(Told) if entry.state and entry.state.terminal]
    return sorted([*told, *history.of(Seen)], key=lambda entry: entry.at)


def _events(history: History) -> Iterator[Violation]:
    kept = {}
    for job in history.of(Found):
        kept[job.job] = {number: (kind, state) for number, kind, state in job.events}
        ids = [number for number, _, _ in job.events]
        if ids != list(range(1, len(ids) + 1)):
            yield Violation(Promise.EVENTS, job.job, f"has events {_runs(ids)}")
    streams: dict[str, list[Told]] = defaultdict(list)
    for event in history.of(Told):
        streams[event.job].append(event)
    for job_id, events in streams.items():
        ids = [event.number for event in events]
        if ids != list(range(1, len(ids) + 1)):
            yield Violation(Promise.EVENTS, job_id, f"streamed events {_runs(ids)}")
        for event in events:
            there = kept.get(job_id, {}).get(event.number)
            if there != (event.kind, event.state):
                sentence = f"streamed event {event.number} as {event.kind}, and has {there}"
                yield Violation(Promise.EVENTS, job_id, sentence)


def _runs(ids: list[int]) -> str:
    """Return ids as runs: 1-4 6-9."""
    runs: list[list[int]] = []
    for number in ids:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][-1] = number
        else:
            runs.append([number, number])
    return " ".join(f"{first}-{last}" for first, last in runs)


def _cancels(history: History, settle: float) -> Iterator[Violation]:
    for job, seconds in cancel_seconds(history, settle).items():
        if seconds is None:
            yield Violation(Promise.CANCEL, job, "was cancelled and never ended")
        elif seconds > CANCEL_SECONDS:
            yield Violation(Promise.CANCEL, job, f"ended {seconds:.1f} s after its cancel")


def cancel_seconds(history: History, settle: float) -> dict[str, float | None]:
    """Return for every cancelled job the seconds from the answer to its end; None for no end.

    Seconds in which a fault was under way do not count, nor those until the leases of whoever it
    ended have run out.
    """
    ends: dict[str, float] = {}
    for shown in _shown(history):
        if shown.state is not None and shown.state.terminal:
            ends.setdefault(shown.job, shown.at)
    struck = history.of(Struck)
    faults = [(fault.began, max(fault.over, fault.began + settle)) for fault in struck]
    found: dict[str, float | None] = {}
    for asked in history.of(CancelAsked):
        end = ends.get(asked.job)
        found[asked.job] = None if end is None else _outside(asked.at, end, faults)
    return found


def _outside(first: float, last: float, spans: list[tuple[float, float]]) -> float:
    """Return the length of what lies between two moments and in no span."""
    length, at = 0.0, first
    for began, over in sorted(spans):
        length += max(0.0, min(began, last) - at)
        at = max(at, over)
    return length + max(0.0, last - at)


def _orphans(history: History) -> Iterator[Violation]:
    for orphan in history.of(Orphan):
        yield Violation(Promise.ORPHAN, "", orphan.what)


def _refusals(history: History) -> Iterator[Violation]:
    for refused in history.of(Refused):
        yield Violation(Promise.REFUSAL, refused.key, refused.answer)
