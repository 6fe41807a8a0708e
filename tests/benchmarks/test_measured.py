"""The arithmetic of the table: time to the goal, repeats, ratios, agreement."""

import math

import pytest

from tests.acceptance.posteriors import Reference
from tests.benchmarks import agreement
from tests.benchmarks.basket import Row
from tests.benchmarks.measured import Measured, goal_seconds, measured
from tests.benchmarks.peers.process import Event, Heard
from tests.benchmarks.peers.timing import repeats
from tests.benchmarks.table import mean, notes, ratios, table


def run(**changes: float) -> Event:
    numbers = {"warmup": 1.0, "sample": 2.0, "ess": 500.0, "r_hat": 1.001}
    return {**numbers, "leapfrogs": None, "divergences": None, **changes}


def heard(*runs: Event, summary: Event | None = None, failure: str | None = None) -> Heard:
    return Heard(3.0, runs, 2e-6, summary, {"torch": "2"}, failure)


def line(sampler: str, ess: float, cold: float = 3.0) -> Measured:
    return measured("eight_schools", sampler, heard(run(ess=ess), run(ess=ess)), [cold, cold])


@pytest.mark.parametrize(
    ("ess", "until", "seconds"),
    [(500, False, 5.0), (2000, False, 2.0), (2000, True, 3.0), (500, True, 5.0)],
)
def test_a_run_is_rescaled_to_the_goal(ess: float, until: bool, seconds: float) -> None:
    assert goal_seconds(run(ess=ess), until) == seconds


@pytest.mark.parametrize(("seconds", "times"), [(1, 5), (10, 5), (11, 3), (61, 1)])
def test_slow_runs_are_repeated_less(seconds: float, times: int) -> None:
    assert repeats(seconds, 5) == times
    assert repeats(seconds, 1) == 1


def test_numbers_are_medians_and_unknown_ones_none() -> None:
    found = measured("kidiq", "x", heard(run(warmup=1), run(warmup=5), run(warmup=2)), [9, 7, 8])
    assert (found.warmup, found.cold, found.leapfrogs) == (2, 8, None)
    assert (found.warms, found.colds) == (3, 3)


def test_ratios_are_to_the_best_peer() -> None:
    results = [line("credence", 2000), line("stanli", 1000, cold=6.0), line("nutpie", 500)]
    assert ratios(results, lambda m: m.goal) == {"eight_schools": 1.5}
    assert ratios(results, lambda m: m.cold) == {"eight_schools": 1.0}
    assert table(results).splitlines()[-1].endswith("| 1.00 | 1.50 | 2.00 |")


def test_each_of_our_engines_is_set_beside_the_others() -> None:
    results = [line("credence-chees", 4000), line("credence-nuts", 1000), line("stanli", 2000)]
    lines = table(results).splitlines()
    assert (
        lines[-2] == "| geometric mean |  | credence-chees |" + "  |" * 9 + " 1.00 | 1.33 | 2.00 |"
    )
    assert lines[-1].endswith("| 1.00 | 0.667 | 0.500 |")
    assert lines[2].endswith("| 1.00 | 1.33 | 2.00 |")
    assert lines[3].endswith("| 1.00 | 0.667 | 0.500 |")


def test_a_peer_without_numbers_is_left_out_and_noted() -> None:
    silent = measured("kidiq", "pyro", Heard(None, (), None, None, {}, "silent for 120 s"), [])
    assert ratios([silent], lambda m: m.goal) == {}
    assert notes([silent], 5) == ["kidiq, pyro: silent for 120 s"]
    assert len(table([silent]).splitlines()) == 3


def test_the_mean_is_geometric() -> None:
    assert mean([1.0, 4.0]) == pytest.approx(2.0)
    assert mean([]) is None


def test_distances_are_in_monte_carlo_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {("mu", None): Reference(0.0, 1.0, 0, 0, 0, 10_000)}
    monkeypatch.setattr(Row, "reference", lambda _: known)
    said = {"entries": {"mu": [0.5, 1.0, 0.03, 0.02, 0.7]}, "ess": 1000.0}
    (found,) = agreement.distances(Row("x", 1, ("mu",), "x"), {"a": heard(summary=said)})
    assert found.mean == pytest.approx(0.5 / math.hypot(0.03, 0.01))
    assert found.sd == 0
    assert not found.agrees
