"""The schedule: steady noise ends it, a rise keeps it going."""

import random

from workers.engines.kernels.plateau import LEVELS, WINDOW, Plateau, follow, last_windows


def feed(values: list[float], tolerance: float = 1e-3) -> list[Plateau]:
    states = [Plateau()]
    for value in values:
        if states[-1].done:
            break
        states.append(follow(states[-1], value, tolerance))
    return states


def test_steady_noise_goes_through_all_levels() -> None:
    draw = random.Random(0)
    states = feed([draw.gauss(-10.0, 1.0) for _ in range(5000)])
    assert states[-1].done
    assert {s.factor for s in states} == set(LEVELS)
    assert len(states) < 30 * WINDOW


def test_a_rise_above_the_noise_stays_at_the_first_level() -> None:
    draw = random.Random(0)
    states = feed([0.01 * i + draw.gauss(0.0, 0.5) for i in range(3000)])
    assert states[-1].level == 0


def test_a_slow_rise_within_the_tolerance_is_none() -> None:
    assert feed([1e-7 * i for i in range(5000)])[-1].done
    assert feed([1e-3 * i for i in range(5000)])[-1].level == 0


def test_wild_estimates_do_not_matter() -> None:
    values = [-10.0 + 1e-6 * (i % 7) - (1e9 if i % 40 == 0 else 0.0) for i in range(5000)]
    assert feed(values)[-1].done


def test_more_parameters_need_longer_averages() -> None:
    assert last_windows(2, 16, 10_000) == 5
    assert last_windows(495, 16, 100_000) > 50
    assert last_windows(10**6, 16, 10_000) == 25
