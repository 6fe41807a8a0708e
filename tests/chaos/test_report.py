"""The table says what happened, and what was broken."""

import dataclasses

from tests.chaos.checker import Promise, Violation
from tests.chaos.history import Struck
from tests.chaos.report import report
from tests.chaos.test_checker import FOUND, GOOD, history


def test_it_counts_faults_jobs_and_broken_promises() -> None:
    made = history(
        [
            *GOOD,
            dataclasses.replace(FOUND, job="r", key="reference-k"),
            dataclasses.replace(FOUND, job="b", key="l", resumed=1, doubted=2),
            *(Struck(fault="kill -9 gateway", began=n, over=n + 2.0) for n in (10.0, 20.0)),
        ]
    )
    broken = Violation(Promise.DRAWS, "b", "differs")
    lines = report(made, [broken], 5.0).splitlines()
    rows = {" ".join(line.split()) for line in lines}
    assert "kill -9 gateway 2 whole again after 2 s at the longest" in rows
    assert "faults 2" in rows
    assert "jobs 2 2 succeeded" in rows
    assert "begun again 2 in 4 attempts" in rows
    assert "gone on from a checkpoint 1 past 2 that were damaged" in rows
    assert "losses 0" in rows
    assert "duplicates 0" in rows
    assert "mismatched draws 1" in rows
    assert lines[-1] == "mismatched draws: b differs"
