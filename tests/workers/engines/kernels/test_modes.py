"""The points that starts reached, told apart and counted."""

import pytest
import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from tests.workers.densities import FunctionDensity
from tests.workers.engines.climbing import climb, normal
from workers.engines.kernels.ascent import AscentState, start_ascent
from workers.engines.kernels.modes import MOST, modes
from workers.engines.kernels.objective import Objective
from workers.engines.mle import Mle, MleOptions

LIKELIHOOD = Target.LIKELIHOOD


def two_hills() -> FunctionDensity:
    def likelihood(x: Tensor) -> Tensor:
        return torch.logaddexp(normal(x, -3.0, 0.5) - 2.0, normal(x, 3.0, 0.5))

    def start(generator: torch.Generator, count: int) -> Tensor:
        return torch.linspace(-3.5, 3.5, count, dtype=torch.float64)[:, None]

    return FunctionDensity(likelihood, {"m": ((), "real")}, start=start)


def test_modes_are_listed_best_first_with_their_starts() -> None:
    found = climb(Mle(MleOptions(restarts=5)), two_hills()).mle
    assert found is not None
    assert found.modes is not None
    high, low = found.modes
    assert high.estimate["m"] == pytest.approx(3.0, abs=1e-4)
    assert low.estimate["m"] == pytest.approx(-3.0, abs=1e-4)
    assert high.height - low.height == pytest.approx(2.0, abs=1e-4)
    assert high.starts + low.starts == 5
    assert low.starts >= 2
    assert found.concavity is not None
    assert found.concavity.verdict == "not_concave"
    assert "2 different points" in found.concavity.how


def state(density: AbstractLogDensity, z: Tensor) -> AscentState:
    return start_ascent(Objective(density, Target.LIKELIHOOD), z)


def test_near_points_are_one_mode_and_what_is_near_depends_on_the_noise() -> None:
    flat = FunctionDensity(lambda x: 0.0 * x, {"m": ((), "real")})
    points = torch.tensor([[0.0], [0.05], [1.0]], dtype=torch.float64)
    assert [m.starts for m in modes(flat, LIKELIHOOD, state(flat, points))] == [2, 1]
    assert [m.starts for m in modes(flat, LIKELIHOOD, state(flat, points), noise=4.0)] == [3]


def test_a_start_that_is_still_on_its_way_is_no_mode() -> None:
    hill = FunctionDensity(lambda x: -0.5 * x**2, {"m": ((), "real")})
    points = torch.tensor([[0.0], [2.0]], dtype=torch.float64)
    assert [m.starts for m in modes(hill, LIKELIHOOD, state(hill, points))] == [1]


def test_points_that_are_not_finite_are_none_and_the_list_ends() -> None:
    wall = FunctionDensity(lambda x: torch.where(x > 0, 0.0 * x, torch.nan), {"m": ((), "real")})
    points = torch.cat([torch.tensor([-5.0]), 3.0 ** torch.arange(15)]).double()[:, None]
    found = modes(wall, LIKELIHOOD, state(wall, points))
    assert len(found) == MOST
    assert all(m.estimate["m"] > 0 for m in found)
