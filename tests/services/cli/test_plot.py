"""Curves of characters."""

import math

from services.cli.plot import curve


def test_a_rising_line_rises() -> None:
    lines = [line.split("|")[1] for line in curve(list(range(100)), width=20, height=5)]
    depths = [next(n for n, line in enumerate(lines) if line[x] != " ") for x in range(20)]
    assert depths == sorted(depths, reverse=True)
    assert (depths[0], depths[-1]) == (4, 0)


def test_its_ends_are_labelled() -> None:
    lines = curve(list(range(100)), width=20, height=5)
    # The mean of the last five, and of the second five: the 5 % quantile of twenty columns.
    assert lines[0].split("|")[0].strip() == "97.00"
    assert lines[-1].split("|")[0].strip() == "7.00"


def test_a_deep_start_does_not_flatten_the_rest() -> None:
    lines = curve([-1e6, *[math.log(x) for x in range(1, 200)]], width=200, height=8)
    assert float(lines[-1].split("|")[0]) > 0.0


def test_what_is_not_finite_is_left_out() -> None:
    assert curve([math.nan, math.inf]) == []
    assert curve([math.nan, 1.0, 2.0]) == curve([1.0, 2.0])


def test_a_constant_is_drawn() -> None:
    assert len(curve([3.0, 3.0, 3.0], height=4)) == 4


def test_a_terminal_without_blocks_gets_ascii() -> None:
    for encoding in ("ascii", "latin-1", "no such encoding"):
        assert all(line.isascii() for line in curve([1.0, 2.0, 3.0], encoding=encoding))
    assert not all(line.isascii() for line in curve([1.0, 2.0, 3.0], encoding="utf-8"))
