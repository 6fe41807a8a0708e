"""All entries of a run, in groups that fit in memory."""

import numpy as np
import pytest

from workers import entries
from workers.draws import MemoryDraws


def draws(**sizes: int) -> MemoryDraws:
    """Two chains of five draws whose numbers are all different."""
    count = 10 * sum(sizes.values())
    numbers = np.arange(float(count)).reshape(-1, 2, 5)  # E x C x N
    parts = np.split(numbers, np.cumsum(list(sizes.values()))[:-1])
    return MemoryDraws(
        {name: np.moveaxis(part, 0, 2) for name, part in zip(sizes, parts, strict=True)}, {}
    )


@pytest.mark.parametrize(
    ("most", "widths"),
    [(1, [1] * 9), (29, [2, 2, 2, 2, 1]), (40, [2, 4, 3]), (60, [2, 6, 1]), (1000, [9])],
)
def test_groups_hold_no_more_than_they_may(monkeypatch, most, widths) -> None:
    monkeypatch.setattr(entries, "MOST", most)
    found = list(entries.groups(draws(a=1, b=1, c=6, d=1)))
    assert [len(group) for group in found] == widths
    assert all(group.flags.c_contiguous for group in found)
    np.testing.assert_array_equal(np.concatenate(found).ravel(), np.arange(90))


def test_a_run_without_entries_has_one_empty_group() -> None:
    assert [group.shape for group in entries.groups(draws(a=0, b=0))] == [(0, 2, 5)]
