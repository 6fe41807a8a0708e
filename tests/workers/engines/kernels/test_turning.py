"""The U-turn test: cases by hand, and the checkpoints against Stan's recursion."""

import pytest
import torch
from torch import Tensor

from workers.engines.kernels.turning import Checkpoints, straight


def rows(*momenta: tuple[float, float]) -> Tensor:
    return torch.tensor([momenta], dtype=torch.float64).transpose(0, 1)  # L x 1 x 2


@pytest.mark.parametrize(
    ("begin", "end", "rho", "goes_on"),
    [
        ((1.0, 0.0), (1.0, 0.0), (2.0, 0.0), True),
        ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), True),  # a quarter turn
        ((1.0, 0.0), (-1.0, 0.0), (0.0, 0.0), False),  # back and forth
        ((1.0, 0.0), (-0.5, 0.1), (3.0, 1.0), False),  # the end comes back
        ((-0.5, 0.1), (1.0, 0.0), (3.0, 1.0), False),  # the begin does
        ((1.0, 0.0), (float("nan"), 0.0), (2.0, 0.0), False),
    ],
)
def test_cases_by_hand(begin, end, rho, goes_on) -> None:
    assert bool(straight(rows(begin), rows(end), rows(rho))) is goes_on


def test_one_turning_trajectory_of_a_chain_is_enough() -> None:
    begin = rows((1.0, 0.0), (1.0, 0.0))
    end = rows((1.0, 0.0), (-1.0, 0.0))
    assert not bool(straight(begin, end, begin + end))


def persists(p: Tensor) -> bool:
    """Stan's `build_tree` on the momenta of a subtree's leaves, `L x D`: no U-turn anywhere."""
    if len(p) == 1:
        return True
    half = len(p) // 2
    left, right = p[:half], p[half:]
    tests = (
        (p[0], p[-1], p.sum(0)),
        (left[0], right[0], left.sum(0) + right[0]),
        (left[-1], right[-1], right.sum(0) + left[-1]),
    )
    here = all(bool(a @ rho > 0) and bool(b @ rho > 0) for a, b, rho in tests)
    return here and persists(left) and persists(right)


def walk(p: Tensor) -> Tensor:
    """The checkpoints on the momenta of leaves in order, `L x C x D`."""
    checkpoints = Checkpoints((len(p) - 1).bit_length())
    goes_on = torch.ones(p.shape[1], dtype=torch.bool)
    total = torch.zeros_like(p[0])
    for n in range(len(p)):
        before, total = total, total + p[n]
        if n % 2 == 0:
            checkpoints.put(n, p[n], p[n - 1], before)
        else:
            goes_on = goes_on & checkpoints.straight(n, p[n], total)
    return goes_on


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
def test_checkpoints_agree_with_stans_recursion(depth: int) -> None:
    generator = torch.Generator().manual_seed(depth)
    # Momenta that turn slowly by random angles: some subtrees turn, some do not.
    speed = torch.randn(1, 200, generator=generator, dtype=torch.float64) * 3.0 / 2**depth
    kicks = 0.5 * torch.randn(2**depth, 200, generator=generator, dtype=torch.float64)
    angle = speed * torch.arange(2.0**depth, dtype=torch.float64)[:, None] + kicks
    radius = torch.rand(2**depth, 200, 1, generator=generator, dtype=torch.float64)
    p = radius * torch.stack([angle.cos(), angle.sin()], dim=-1)  # L x C x 2
    expected = [persists(p[:, c]) for c in range(p.shape[1])]
    assert walk(p).tolist() == expected
    assert any(expected)
    assert not all(expected)
