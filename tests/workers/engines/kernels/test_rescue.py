"""Lost chains are found by their height, and put where others of their superchain are."""

import math

import pytest
import torch
from scipy import stats

from workers.engines.kernels.initial import Point
from workers.engines.kernels.rescue import SELDOM, depth, lost, rescue


def typical(chains: int, dim: int = 4, seed: int = 1) -> Point:
    """Points of a standard normal."""
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(chains, dim, generator=source, dtype=torch.float64)
    return Point(z, -0.5 * (z**2).sum(1), -z)


def moved(point: Point, *chains: int, away: float = 1e4) -> Point:
    z = point.z.clone()
    z[list(chains)] += away
    return Point(z, -0.5 * (z**2).sum(1), -z)


def astray(point: Point) -> torch.Tensor:
    return lost(point.log_density, point.z.shape[1])


def rescued(point: Point, superchains: int) -> tuple[Point, int]:
    return rescue(point, point.log_density, superchains)


@pytest.mark.parametrize("dim", [1, 4, 100, 1000])
@pytest.mark.parametrize("chains", [4, 64, 512])
def test_of_a_normal_no_chain_is_lost(chains: int, dim: int) -> None:
    assert not bool(astray(typical(chains, dim)).any())


def test_heavy_tails_lose_no_chain() -> None:
    # A Student t of 2 degrees of freedom in one dimension: heights spread with the chains.
    source = torch.Generator().manual_seed(3)
    u = torch.randn(3, 256, generator=source, dtype=torch.float64)
    z = (u[0] / ((u[1] ** 2 + u[2] ** 2) / 2).sqrt())[:, None]
    height = -1.5 * torch.log1p(z[:, 0] ** 2 / 2)
    assert not bool(lost(height, 1).any())


@pytest.mark.parametrize("dim", [1, 4, 100, 1000])
def test_the_bound_is_seldom_reached_by_a_normal(dim: int) -> None:
    # The tail of half a chi-square of D degrees of freedom, whose mean is D / 2.
    beyond = float(stats.chi2.sf(dim + 2 * depth(dim), dim))
    assert 1e-9 < beyond < math.exp(-SELDOM)
    heights = torch.zeros(8, dtype=torch.float64)
    heights[3], heights[5] = -depth(dim) + 0.01, -depth(dim) - 0.01
    assert lost(heights, dim).nonzero().flatten().tolist() == [5]


def test_heights_that_spread_more_widen_it() -> None:
    # Half of them within 50 of the middle: a deviation of 74, and a bound of 741.
    heights = 100.0 * torch.linspace(-1, 1, 21, dtype=torch.float64)
    heights = torch.cat([heights, torch.tensor([-500.0, -1000.0], dtype=torch.float64)])
    assert lost(heights, 2).nonzero().flatten().tolist() == [22]


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_of_few_chains_none_is_lost(chains: int) -> None:
    assert not bool(astray(moved(typical(chains), 0)).any())


def test_a_chain_that_stands_higher_is_not_lost() -> None:
    heights = typical(8).log_density
    heights[2] = 1e6
    assert not bool(lost(heights, 4).any())


def test_without_lost_chains_nothing_moves() -> None:
    point = typical(16)
    after, count = rescued(point, 4)
    assert after is point
    assert count == 0


def places(point: Point, superchains: int) -> list[int]:
    """Return where each chain is after the rescue, by the number of the chain that was there."""
    after, _ = rescued(point, superchains)
    same = (after.z[:, None] == point.z[None]).all(2)
    return same.int().argmax(1).tolist()


def test_a_lost_chain_takes_the_next_place_of_its_superchain() -> None:
    point = moved(typical(8), 1, 7)
    assert places(point, 2) == [0, 2, 2, 3, 4, 5, 6, 4]
    assert rescued(point, 2)[1] == 2


def test_a_lost_neighbour_is_passed_over() -> None:
    assert places(moved(typical(8), 0, 1), 2) == [2, 2, 2, 3, 4, 5, 6, 7]


def test_where_a_whole_superchain_is_lost_the_next_one_helps() -> None:
    assert places(moved(typical(8), 2, 3), 4) == [0, 1, 4, 4, 4, 5, 6, 7]
    assert places(moved(typical(8), 6, 7), 4) == [0, 1, 2, 3, 4, 5, 0, 0]


def test_chains_with_starts_of_their_own_take_the_next_place() -> None:
    assert places(moved(typical(6), 5), 6) == [0, 1, 2, 3, 4, 0]


def test_height_and_gradient_come_along() -> None:
    point = moved(typical(8), 1)
    after, _ = rescued(point, 2)
    torch.testing.assert_close(after.gradient, -after.z, rtol=0, atol=0)
    torch.testing.assert_close(after.log_density, -0.5 * (after.z**2).sum(1))
    assert math.isclose(float(point.z[1, 0]), 1e4, rel_tol=1e-3)  # the old point is as it was


def test_the_order_of_chains_alone_decides() -> None:
    point = moved(typical(16), 3, 9)
    first, again = rescued(point, 4)[0], rescued(point, 4)[0]
    assert bool((first.z == again.z).all())


def test_most_chains_lost_is_taken_for_where_the_mass_is() -> None:
    # The middle chain is the measure: with more than half astray, nobody is moved.
    point = moved(typical(8), *range(5))
    assert rescued(point, 2)[1] == 0


def test_the_mean_of_a_window_tells_a_chain_that_one_iteration_does_not() -> None:
    point = typical(16, dim=50)
    heights = point.log_density.clone()
    heights[3] -= 2 * depth(50)
    after, count = rescue(point, heights, 4)
    assert count == 1
    assert torch.equal(after.z[3], point.z[0])
