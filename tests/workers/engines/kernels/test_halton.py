"""The jitter's sequence."""

from workers.engines.kernels.halton import BITS, halton


def test_the_first_numbers() -> None:
    assert [halton(n) for n in range(5)] == [1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8]


def test_they_fill_the_interval_evenly_and_never_touch_its_ends() -> None:
    numbers = sorted(halton(n) for n in range(2**BITS - 1))
    assert numbers == [k / 2**BITS for k in range(1, 2**BITS)]
    assert halton(2**BITS - 1) == halton(0)
