"""The table of a chaos run."""

from collections import Counter
from collections.abc import Sequence

from tests.chaos.checker import Promise, Violation, cancel_seconds
from tests.chaos.history import Found, History, Struck
from workers.jobs import JobState

Row = tuple[str, str, str]


def report(history: History, violations: Sequence[Violation], settle: float) -> str:
    """Return what befell the service, what it did, and which promises it broke, as a table."""
    rows = [*_faults(history), *_jobs(history), *_cancels(history, settle), *_broken(violations)]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{name:{width}}  {count:>5}  {more}".rstrip() for name, count, more in rows]
    return "\n".join([*lines, *_sentences(violations)])


def _faults(history: History) -> list[Row]:
    struck = list(history.of(Struck))
    counts = Counter(fault.fault for fault in struck)
    longest = {
        name: max(fault.over - fault.began for fault in struck if fault.fault == name)
        for name in counts
    }
    rows = [
        (name, str(count), f"whole again after {longest[name]:.0f} s at the longest")
        for name, count in sorted(counts.items())
    ]
    return [*rows, ("faults", str(len(struck)), "")]


def _jobs(history: History) -> list[Row]:
    jobs = [job for job in history.of(Found) if not job.key.startswith("reference")]
    states = Counter(str(job.state) for job in jobs)
    ends = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    # Attempts that a dispatcher put back, because its cluster died, count nowhere else.
    attempts = [sum(state is JobState.RUNNING for _, _, state in job.events) for job in jobs]
    again = [count for count in attempts if count > 1]
    resumed = sum(job.resumed for job in jobs)
    doubted = sum(job.doubted for job in jobs)
    return [
        ("jobs", str(len(jobs)), ends),
        ("begun again", str(len(again)), f"in {sum(again)} attempts"),
        ("gone on from a checkpoint", str(resumed), f"past {doubted} that were damaged"),
        ("events", str(sum(len(job.events) for job in jobs)), ""),
    ]


def _cancels(history: History, settle: float) -> list[Row]:
    seconds = cancel_seconds(history, settle)
    longest = max((each for each in seconds.values() if each is not None), default=0.0)
    more = f"ended after {longest:.1f} s at the longest, faults left out"
    return [("cancelled", str(len(seconds)), more)]


def _broken(violations: Sequence[Violation]) -> list[Row]:
    counts = Counter(violation.promise for violation in violations)
    return [(str(promise), str(counts[promise]), "") for promise in Promise]


def _sentences(violations: Sequence[Violation]) -> list[str]:
    return [f"{each.promise}: {each.subject} {each.sentence}" for each in violations]
