"""Which results hang on which coordinates: by hand, and never too few."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.cut.tape import tape
from models.dependence import MANY, NONE, dependence

#: Two sites, of three coordinates and of one.
SITES = [range(3), range(3, 4)]
PICK = torch.tensor([2, 0, 0])
TABLE = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], dtype=torch.float64)
WEIGHTS = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)


def labels(function: Callable[[Tensor], Tensor]) -> dict[int, list[int]]:
    taken = tape(function, torch.zeros(4, dtype=torch.float64))
    assert taken is not None
    return {site: found.tolist() for site, found in dependence(taken, SITES).items()}


#: Function -> labels of the first site, and of the second.
CASES: dict[str, tuple[Callable[[Tensor], Tensor], object, object]] = {
    "elementwise": (lambda z: 1.0 - torch.lgamma(2 * z[:3] + 1), [1, 2, 3], None),
    "beside data": (lambda z: torch.cat([z[:2], torch.ones(1).double()]), [1, 2, NONE], None),
    "two sites": (lambda z: z[:3] * z[3], [1, 2, 3], [1, 1, 1]),
    "a sum": (lambda z: z[:3].sum(), MANY, None),
    "a sum over others": (lambda z: (z[:3, None] * z[3]).sum(-1), [1, 2, 3], [1, 1, 1]),
    "a mean of two": (lambda z: z[:2].mean(0, keepdim=True), [MANY], None),
    "two of one": (lambda z: z[:1] + z[1:2], [MANY], None),
    "picked by data": (lambda z: z[:3][PICK], [3, 1, 1], None),
    "an index": (lambda z: TABLE[z[:3].long()].sum(-1), [1, 2, 3], None),
    "two indices": (lambda z: TABLE[z[:3].long(), z[3:].long()], [1, 2, 3], [1, 1, 1]),
    "an index of the site": (lambda z: z[:3][z[3:].long()], [MANY], [1]),
    "an index behind": (lambda z: TABLE[:, z[:2].long()][0], [1, 2], None),
    "gathered": (lambda z: TABLE[:3].gather(1, z[:3, None].long())[:, 0], [1, 2, 3], None),
    "compared": (lambda z: torch.where(z[:3] > 0, z[3], 2.0), [1, 2, 3], [1, 1, 1]),
    "turned": (lambda z: z[:3].flip(0).reshape(3, 1).T[0], [3, 2, 1], None),
    "running": (lambda z: z[:3].cumsum(0), [MANY] * 3, None),
    "in a triangle": (lambda z: z[:2, None].expand(2, 2).tril()[:, 1], [NONE, 2], None),
    "multiplied": (lambda z: (z[:3, None] @ WEIGHTS[:1, :2])[:, 0], [1, 2, 3], None),
    "mixed by data": (lambda z: (WEIGHTS @ z[:3, None])[:, 0], [MANY] * 2, None),
    "sorted": (lambda z: z[:3].sort().values, [MANY] * 3, None),
    "stacked": (lambda z: torch.stack([z[0], z[3]]), [1, NONE], [NONE, 1]),
}


@pytest.mark.parametrize("name", CASES)
def test_labels(name: str) -> None:
    function, first, second = CASES[name]
    expected = {site: told for site, told in enumerate((first, second)) if told is not None}
    assert labels(function) == expected


def test_an_entry_that_hangs_on_many_may_hang_on_none() -> None:
    """An unknown operation is taken for the worst."""
    found = labels(lambda z: torch.mv(torch.eye(2).double(), z[:2]))
    assert found == {0: [MANY, MANY]}
