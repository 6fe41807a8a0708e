"""How learning rates fall."""

import pytest

from workers.engines.kernels.plateau import LEVELS, Plateau
from workers.engines.kernels.schedule import LOWEST, factor, start_plateau


def test_a_plateau_lowers_the_rate_and_so_does_the_end() -> None:
    assert factor("plateau", Plateau(), 0, 1000) == 1.0
    assert factor("plateau", Plateau(1), 100, 1000) == LEVELS[1]
    assert factor("plateau", Plateau(), 875, 1000) == pytest.approx(0.5)
    assert factor("plateau", Plateau(), 1000, 1000) == LOWEST


def test_a_constant_rate_stays() -> None:
    plateau = start_plateau("constant")
    assert factor("constant", plateau, 999, 1000) == 1.0
    assert plateau.factor == 1.0
    assert not plateau.last
    assert Plateau(1, plateau.levels).last


def test_a_cosine_falls_by_half_a_wave() -> None:
    rates = [factor("cosine", Plateau(), done, 100) for done in range(101)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1.0
    assert rates[50] == pytest.approx(0.5)
    assert rates[-1] == LOWEST
