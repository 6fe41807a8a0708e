"""Percentiles are numbers that were measured, and what was refused is not among them."""

import math
import random

import numpy as np
import pytest

from tests.load.timings import Timings


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 1000])
@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_percentiles_are_those_of_the_nearest_rank(count: int, percent: float) -> None:
    values = [random.Random(count).random() for _ in range(count)]
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert Timings(seconds=values).percentile(percent) == expected


def test_what_they_mean() -> None:
    timings = Timings(seconds=[float(n) for n in range(100, 0, -1)], over=50.0)
    assert timings.milliseconds() == (50_000, 95_000, 99_000)
    assert timings.rate == 2.0


def test_what_was_refused_is_counted_apart() -> None:
    timings = Timings()
    for status in (202, 503, 202, 0, 503):
        timings.note(1.0, status, expected=202)
    assert len(timings.seconds) == 2
    assert timings.refused == {503: 2, 0: 1}


def test_of_nothing_there_is_no_percentile() -> None:
    assert all(map(math.isnan, Timings().milliseconds()))
    assert math.isnan(Timings().rate)
