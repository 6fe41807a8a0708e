"""Every promise can be broken: made-up histories, good and bad."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import CANCEL_SECONDS, Promise, check
from tests.chaos.history import (
    Acknowledged,
    CancelAsked,
    Entry,
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

QUEUED, RUNNING, SUCCEEDED = JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED
CANCELLED, FAILED = JobState.CANCELLED, JobState.FAILED
SETTLE = 5.0
EVENTS = (
    (1, "state", QUEUED),
    (2, "state", RUNNING),
    (3, "progress", None),
    (4, "state", QUEUED),
    (5, "state", RUNNING),
    (6, "state", SUCCEEDED),
)
FOUND = Found(
    job="a",
    key="k",
    state=SUCCEEDED,
    attempts=2,
    events=EVENTS,
    published="jobs/a/2",
    results=("jobs/a/2",),
)


def told(*events: tuple[int, str, JobState | None], job: str = "a") -> list[Entry]:
    return [
        Told(at=float(number), job=job, number=number, kind=kind, state=state)
        for number, kind, state in events
    ]


#: A job that was interrupted once and ended as it should.
GOOD: list[Entry] = [
    Reference(what="nuts", digest="x"),
    Ordered(key="k", what="nuts", end=SUCCEEDED),
    Acknowledged(key="k", job="a"),
    *told(*EVENTS),
    Seen(at=7.0, job="a", state=SUCCEEDED),
    Fingerprint(job="a", what="nuts", digest="x"),
    FOUND,
]


def history(entries: list[Entry]) -> History:
    made = History()
    for entry in entries:
        made.add(entry)
    return made


def broken(entries: list[Entry]) -> set[Promise]:
    return {violation.promise for violation in check(history(entries), SETTLE)}


def changed(**fields: Any) -> list[Entry]:
    """The good history, but for what is found of its job in the end."""
    return [*GOOD[:-1], dataclasses.replace(FOUND, **fields)]


def without(kind: type) -> list[Entry]:
    return [entry for entry in GOOD if not isinstance(entry, kind)]


def test_a_good_history_breaks_nothing() -> None:
    assert check(history(GOOD), SETTLE) == []
    assert check(History(), SETTLE) == []


FAILURE = (*EVENTS[:5], (6, "state", FAILED))
BAD: dict[str, tuple[list[Entry], Promise]] = {
    "a job that is not there": (without(Found), Promise.LOSS),
    "a job that never ended": (changed(state=RUNNING, events=EVENTS[:5]), Promise.LOSS),
    "a job that failed": (changed(state=FAILED, events=FAILURE, error="no"), Promise.LOSS),
    "an order that nobody answered": (without(Acknowledged), Promise.LOSS),
    "two jobs for one order": (
        [*GOOD, Acknowledged(key="k", job="b"), dataclasses.replace(FOUND, job="b")],
        Promise.DUPLICATE,
    ),
    "a job that nobody was told of": (
        [*GOOD, dataclasses.replace(FOUND, job="b")],
        Promise.DUPLICATE,
    ),
    "two results": (changed(results=("jobs/a/1", "jobs/a/2")), Promise.DUPLICATE),
    "a result that was not published": (changed(published=None), Promise.DUPLICATE),
    "a published result that is elsewhere": (changed(results=("jobs/a/1",)), Promise.DUPLICATE),
    "other draws": ([*GOOD, Fingerprint(job="a", what="nuts", digest="y")], Promise.DRAWS),
    "draws that nobody could read": (without(Fingerprint), Promise.DRAWS),
    "draws without a reference": (without(Reference), Promise.DRAWS),
    "an end that changed": ([*GOOD, Seen(at=8.0, job="a", state=FAILED)], Promise.END),
    "an end that was undone": ([*GOOD, Seen(at=8.0, job="a", state=RUNNING)], Promise.END),
    "an end in the stream and another in the database": (
        [*GOOD[:-1], *changed(state=FAILED, events=FAILURE)[-1:]],
        Promise.END,
    ),
    "two ends": (
        changed(events=(*EVENTS, (7, "state", FAILED)), state=FAILED),
        Promise.END,
    ),
    "a state that may not follow": (
        changed(events=(EVENTS[0], (2, "state", SUCCEEDED))),
        Promise.END,
    ),
    "an event after the end": (changed(events=(*EVENTS, (7, "log", None))), Promise.END),
    "no events": (changed(events=()), Promise.END),
    "a gap in the database": (changed(events=(*EVENTS[:2], *EVENTS[3:])), Promise.EVENTS),
    "a gap in a stream": (
        [entry for entry in GOOD if not (isinstance(entry, Told) and entry.number == 3)],
        Promise.EVENTS,
    ),
    "an event that came twice": ([*GOOD, *told(EVENTS[2])], Promise.EVENTS),
    "an event that the database has not": (changed(events=EVENTS[:5]), Promise.EVENTS),
    "an event that is another": (
        changed(events=(*EVENTS[:2], (3, "log", None), *EVENTS[3:])),
        Promise.EVENTS,
    ),
    "a process that is left": ([*GOOD, Orphan(what="sleep")], Promise.ORPHAN),
    "a request that failed": ([*GOOD, Refused(key="k", answer="500")], Promise.REFUSAL),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_breaks_its_promise(name: str) -> None:
    entries, promise = BAD[name]
    assert promise in broken(entries)


def test_every_promise_has_a_bad_history() -> None:
    assert {promise for _, promise in BAD.values()} | {Promise.CANCEL} == set(Promise)


def cancelled(at: float, asked: float = 10.0, *faults: tuple[float, float]) -> list[Entry]:
    events = (*EVENTS[:2], (3, "state", CANCELLED))
    return [
        Ordered(key="k", what="endless", end=CANCELLED),
        Acknowledged(key="k", job="a"),
        CancelAsked(at=asked, job="a"),
        *told(*events[:2]),
        Told(at=at, job="a", number=3, kind="state", state=CANCELLED),
        *(Struck(fault="kill", began=began, over=over) for began, over in faults),
        dataclasses.replace(
            FOUND, state=CANCELLED, attempts=1, events=events, published=None, results=()
        ),
    ]


LATE = 10.0 + CANCEL_SECONDS + 0.1


@pytest.mark.parametrize(
    ("entries", "late"),
    [
        (cancelled(10.5), False),
        (cancelled(LATE), True),
        # Before it was asked for: it had been under way.
        (cancelled(9.0), False),
        # A fault in between takes what time it takes, or a lease.
        (cancelled(LATE + 24.8, 10.0, (12.0, 37.0)), False),
        (cancelled(LATE + 25.0, 10.0, (12.0, 37.0)), True),
        (cancelled(LATE + 24.8, 10.0, (12.0, 30.0), (20.0, 37.0)), False),
        (cancelled(LATE, 10.0, (0.0, 4.0)), True),
        (cancelled(LATE, 10.0, (8.0, 8.5)), False),
        (cancelled(LATE, 10.0, (90.0, 91.0)), True),
    ],
)
def test_a_cancel_has_its_time(entries: list[Entry], late: bool) -> None:
    assert broken(entries) == ({Promise.CANCEL} if late else set())


def test_a_cancel_that_never_came_about_is_late() -> None:
    entries = [entry for entry in cancelled(11.0) if not (isinstance(entry, Told))]
    assert Promise.CANCEL in broken(entries)


@pytest.mark.parametrize("shuffle", [list, lambda entries: entries[::-1]])
def test_the_order_of_entries_of_different_kinds_does_not_matter(
    shuffle: Callable[[list[Entry]], list[Entry]],
) -> None:
    streamed = [entry for entry in GOOD if isinstance(entry, Told)]
    others = [entry for entry in GOOD if not isinstance(entry, Told)]
    assert check(history([*shuffle(others), *streamed]), SETTLE) == []
