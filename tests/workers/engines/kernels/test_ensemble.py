"""Warm-up of many chains together: when it learns."""

from workers.engines.kernels.ensemble import ends, window_end


def test_windows_double_and_leave_the_end_to_the_step_size() -> None:
    assert sorted(ends(100)) == [3, 7, 15, 31, 64]
    assert sorted(ends(1000))[-3:] == [161, 324, 649]
    assert not ends(0)
    assert not ends(5)


def test_a_window_is_over_after_its_last_iteration() -> None:
    over = [window_end(n, 100) for n in (0, 3, 4, 15, 16, 64, 65, 99)]
    assert over == [4, 4, 8, 16, 32, 65, 100, 100]
    assert window_end(2, 5) == 5
