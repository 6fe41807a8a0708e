"""Accounts: what is told of a run to those who watch the service."""

import math
from typing import Any

from workers.account import Timeline, account_of
from workers.results import Diagnostics, Outcome, Result, Summary, Timing


def result(**more: Any) -> Result:
    fields: dict[str, Any] = {
        "outcome": Outcome.COMPLETED,
        "message": "m",
        "engine": {"kind": "nuts"},
        "seed": 1,
        "version": "0",
        "tier": "compiled",
        "precision": "float64",
        "timing": Timing(compile=0.5, total=2.0),
    }
    return Result(**{**fields, **more})


def summary(ess: Any) -> Summary:
    return Summary(mean=0, sd=0, median=0, quantiles={}, ess_bulk=ess)


def test_the_worst_entry_counts() -> None:
    found = {
        "a": summary([[400.0, 30.0], [math.nan, 90.0]]),
        "b": summary(50.0),
        "c": summary(None),
    }
    account = account_of(
        result(summary=found, diagnostics=Diagnostics(divergences=3)), 800, Timeline().phases
    )
    assert (account.engine, account.draws, account.divergences) == ("nuts", 800, 3)
    assert account.ess_per_second == 15.0
    assert account.compile_seconds == 0.5


def test_what_an_engine_does_not_know_is_left_out() -> None:
    account = account_of(result(), 0, [])
    assert (account.divergences, account.ess_per_second) == (None, None)


def test_tiers() -> None:
    tiers = {
        step: account_of(result(tier=tier, compiled_from=step), 0, []).tier
        for step, tier in ((None, "interpreted"), (0, "compiled"), (7, "compiled"))
    }
    assert tiers == {None: "interpreted", 0: "compiled", 7: "switched"}


def test_a_timeline_has_the_phases_that_were_passed() -> None:
    timeline = Timeline()
    with timeline.lasting("compile"):
        pass
    try:
        with timeline.lasting("run"):
            raise ValueError
    except ValueError:
        pass
    (phase,) = timeline.phases
    assert phase.name == "compile"
    assert phase.began <= phase.ended
