"""A first fit that warms a process up."""

from workers.warm import warm


def test_it_runs_and_leaves_nothing() -> None:
    assert warm() is None
