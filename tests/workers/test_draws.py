"""Draws in memory."""

import numpy as np

from workers.draws import MemoryDraws, MemorySink


def test_blocks_are_joined_in_order() -> None:
    sink = MemorySink()
    sink.write({"b": np.zeros((2, 3, 4)), "a": np.ones((2, 3))}, {"energy": np.zeros((2, 3))})
    sink.write({"b": np.ones((2, 1, 4)), "a": np.ones((2, 1))}, {"energy": np.ones((2, 1))})
    draws = sink.draws()
    assert (draws.chains, draws.draws) == (2, 4)
    assert draws.names() == ("b", "a")
    assert draws.values("b").shape == (2, 4, 4)
    assert draws.stats("energy").tolist() == [[0, 0, 0, 1]] * 2
    assert draws.stats("tree_depth") is None


def test_entries_come_in_order_a_few_at_a_time() -> None:
    values = np.arange(2 * 3 * 5).reshape(2, 3, 5, 1).astype(float)
    draws = MemoryDraws({"x": values, "s": values[..., 0, 0]}, {})
    assert (draws.shape("x"), draws.shape("s")) == ((5, 1), ())
    groups = list(draws.entries("x", 2))
    assert [group.shape for group in groups] == [(2, 2, 3), (2, 2, 3), (1, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(groups), np.moveaxis(values[..., 0], 2, 0))
    assert [group.shape for group in draws.entries("s", 4)] == [(1, 2, 3)]


def test_nothing_written_is_no_chains() -> None:
    draws = MemorySink().draws()
    assert (draws.chains, draws.draws, draws.names()) == (0, 0, ())


def test_events_are_kept_in_order() -> None:
    sink = MemorySink()
    sink.emit("log", {"message": "a"})
    sink.emit("progress", {"done": 1})
    assert sink.events == [("log", {"message": "a"}), ("progress", {"done": 1})]
