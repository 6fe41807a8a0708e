"""The schedule of the warm-up."""

import pytest

from workers.engines.kernels.windows import Schedule, schedule


def test_a_thousand_iterations_have_stans_windows() -> None:
    made = schedule(1000)
    assert made == Schedule(75, (25, 50, 100, 200, 500), 50)
    assert made.slow == range(75, 950)
    assert sorted(made.ends) == [99, 149, 249, 449, 949]


def test_a_short_warm_up_is_cut_in_proportion() -> None:
    assert schedule(100) == Schedule(15, (50,), 35)


@pytest.mark.parametrize("warmup", [0, 1, 19])
def test_a_very_short_warm_up_learns_no_metric(warmup: int) -> None:
    assert schedule(warmup) == Schedule(warmup, (), 0)
    assert not schedule(warmup).ends


@pytest.mark.parametrize("warmup", [*range(0, 400), 500, 777, 1001, 5000, 12345])
def test_the_parts_add_up_and_windows_do_not_shrink(warmup: int) -> None:
    made = schedule(warmup)
    assert made.first + sum(made.windows) + made.last == warmup
    assert list(made.windows) == sorted(made.windows)
    assert all(length > 0 for length in made.windows)
    assert len(made.ends) == len(made.windows)
