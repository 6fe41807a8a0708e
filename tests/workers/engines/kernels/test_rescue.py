"""Lost chains are found by their height, and put where others of their superchain are."""

import math

import pytest
import torch

from workers.engines.kernels.initial import Point
from workers.engines.kernels.rescue import FARTHEST, lost, rescue


def typical(chains: int, dim: int = 4, seed: int = 1) -> Point:
    """Points of a standard normal."""
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(chains, dim, generator=source, dtype=torch.float64)
    return Point(z, -0.5 * (z**2).sum(1), -z)


def moved(point: Point, *chains: int, away: float = 1e4) -> Point:
    z = point.z.clone()
    z[list(chains)] += away
    return Point(z, -0.5 * (z**2).sum(1), -z)


@pytest.mark.parametrize("dim", [1, 4, 100, 1000])
@pytest.mark.parametrize("chains", [4, 64, 512])
def test_of_a_normal_no_chain_is_lost(chains: int, dim: int) -> None:
    assert not bool(lost(typical(chains, dim)).any())


def test_heavy_tails_lose_no_chain() -> None:
    # A Student t of 2 degrees of freedom in one dimension: heights spread with the chains.
    source = torch.Generator().manual_seed(3)
    u = torch.randn(3, 256, generator=source, dtype=torch.float64)
    z = (u[0] / ((u[1] ** 2 + u[2] ** 2) / 2).sqrt())[:, None]
    height = -1.5 * torch.log1p(z[:, 0] ** 2 / 2)
    assert not bool(lost(Point(z, height, z)).any())


def test_the_bound_is_in_deviations_of_a_normal_height() -> None:
    point = typical(8, dim=2)
    heights = torch.zeros(8, dtype=torch.float64)
    heights[3], heights[5] = -FARTHEST + 0.01, -FARTHEST - 0.01
    assert lost(point._replace(log_density=heights)).nonzero().flatten().tolist() == [5]


def test_heights_that_spread_more_widen_it() -> None:
    # Half of them within 50 of the middle: a deviation of 74, and a bound of 741.
    heights = 100.0 * torch.linspace(-1, 1, 21, dtype=torch.float64)
    heights = torch.cat([heights, torch.tensor([-500.0, -1000.0], dtype=torch.float64)])
    found = lost(typical(23, dim=2)._replace(log_density=heights))
    assert found.nonzero().flatten().tolist() == [22]


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_of_few_chains_none_is_lost(chains: int) -> None:
    assert not bool(lost(moved(typical(chains), 0)).any())


def test_a_chain_that_stands_higher_is_not_lost() -> None:
    point = typical(8)
    heights = point.log_density.clone()
    heights[2] = 1e6
    assert not bool(lost(point._replace(log_density=heights)).any())


def test_without_lost_chains_nothing_moves() -> None:
    point = typical(16)
    after, count = rescue(point, 4)
    assert after is point
    assert count == 0


def places(point: Point, superchains: int) -> list[int]:
    """Return where each chain is after the rescue, by the number of the chain that was there."""
    after, _ = rescue(point, superchains)
    same = (after.z[:, None] == point.z[None]).all(2)
    return same.int().argmax(1).tolist()


def test_a_lost_chain_takes_the_next_place_of_its_superchain() -> None:
    point = moved(typical(8), 1, 7)
    assert places(point, 2) == [0, 2, 2, 3, 4, 5, 6, 4]
    assert rescue(point, 2)[1] == 2


def test_a_lost_neighbour_is_passed_over() -> None:
    assert places(moved(typical(8), 0, 1), 2) == [2, 2, 2, 3, 4, 5, 6, 7]


def test_where_a_whole_superchain_is_lost_the_next_one_helps() -> None:
    assert places(moved(typical(8), 2, 3), 4) == [0, 1, 4, 4, 4, 5, 6, 7]
    assert places(moved(typical(8), 6, 7), 4) == [0, 1, 2, 3, 4, 5, 0, 0]


def test_chains_with_starts_of_their_own_take_the_next_place() -> None:
    assert places(moved(typical(6), 5), 6) == [0, 1, 2, 3, 4, 0]


def test_height_and_gradient_come_along() -> None:
    point = moved(typical(8), 1)
    after, _ = rescue(point, 2)
    torch.testing.assert_close(after.gradient, -after.z, rtol=0, atol=0)
    torch.testing.assert_close(after.log_density, -0.5 * (after.z**2).sum(1))
    assert math.isclose(float(point.z[1, 0]), 1e4, rel_tol=1e-3)  # the old point is as it was


def test_the_order_of_chains_alone_decides() -> None:
    point = moved(typical(16), 3, 9)
    first, again = rescue(point, 4)[0], rescue(point, 4)[0]
    assert bool((first.z == again.z).all())


def test_most_chains_lost_is_taken_for_where_the_mass_is() -> None:
    # The middle chain is the measure: with more than half astray, nobody is moved.
    point = moved(typical(8), *range(5))
    assert rescue(point, 2)[1] == 0
