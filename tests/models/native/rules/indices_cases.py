"""Reads and writes at indices from data."""

import torch
from torch import Tensor

from tests.models.native.trials import Trial, trial

_PICKS = torch.tensor([0, 2, 2, -1, 5, -12])
_ROWS, _COLUMNS = torch.tensor([0, 2, -1]), torch.tensor([[3], [-4]])
_LONG = torch.arange(300) % 7
_AT = torch.tensor([[0, 1, 2, 0], [2, 2, 0, 1]])
_SHORT = torch.tensor([[1, 0], [2, 2]])
_VALUES = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)


def _put(z: Tensor, picks: Tensor) -> Tensor:
    return z.index_put((picks,), z[:2].exp())


CASES: dict[str, Trial] = {
    "index": trial(lambda z, n: z[n], _PICKS),
    "index of 32 bits": trial(lambda z, n: z[n], _PICKS.int()),
    "index by a matrix": trial(lambda z, n: z[n], _COLUMNS),
    "index of rows": trial(lambda z, n: z.view(3, 4)[n], _ROWS),
    "index of columns": trial(lambda z, n: z.view(3, 4)[:, n], _ROWS),
    "index of both": trial(lambda z, i, j: z.view(3, 4)[i, j], _ROWS, _COLUMNS),
    "index of the middle": trial(lambda z, n: z.view(2, 3, 2)[:, n], _ROWS),
    "index by one": trial(lambda z, n: z[n].squeeze(0), torch.tensor([-3])),
    "index of data": trial(lambda z, x, n: x[n] * z[:6], _VALUES, _PICKS),
    "index of a flip": trial(lambda z, n: z.flip(0)[n].exp(), _PICKS),
    "index of a transpose": trial(lambda z, n: z.view(3, 4).T[n], _ROWS),
    "index in strides": trial(lambda z, n: z[n[::2]], _PICKS),
    "index by an expansion": trial(lambda z, n: z[n[:, None].expand(3, 2)], _ROWS),
    "index of doubles": trial(lambda z, n: z.double()[n], _PICKS),
    "index of many": trial(lambda z, n: (z[n] * z[0]).exp().sum(), _LONG),
    "index twice": trial(lambda z, n: z[n][n[n]], torch.tensor([1, 0, 2, 3, 3])),
    "select of indices": trial(lambda z, n: z.view(3, 4).index_select(-1, n % 4), _ROWS),
    "gather": trial(lambda z, n: z.view(3, 4).gather(0, n), _AT),
    "gather along": trial(lambda z, n: z.view(3, 4).gather(-1, n), _SHORT),
    "take along": trial(
        lambda z, n: torch.take_along_dim(z.view(3, 4), n, 1), _COLUMNS.expand(2, 1)[[0, 1, 0]]
    ),
    "put": trial(_put, torch.tensor([1, -1])),
    "put one": trial(lambda z, n: z.index_put((n,), z[:1]), torch.tensor([1, 4, -1])),
    "put rows": trial(lambda z, n: z.view(3, 4).index_put((n,), z[:4]), torch.tensor([0, -1])),
    "put and add": trial(lambda z, n: z.index_put((n,), z[:6], accumulate=True), _PICKS),
    "add at indices": trial(lambda z, n: z.view(3, 4).index_add(1, n % 4, z[:9].view(3, 3)), _ROWS),
    "scatter": trial(lambda z, n: z.view(3, 4).scatter(0, n, z[:4].view(1, 4)), _AT[:1]),
    "scatter of a larger": trial(
        lambda z, n: z.view(3, 4).detach().scatter(1, n, z[3:].view(3, 3).detach()) + z.view(3, 4),
        _SHORT[:1],
    ),
    "scatter of a number": trial(lambda z, n: z.view(3, 4).scatter(1, n, 0.5), _SHORT),
    "scatter and add": trial(lambda z, n: z.view(3, 4).scatter_add(0, n, z[:8].view(2, 4)), _AT),
    "scatter and add a part": trial(
        lambda z, n: z.view(3, 4).detach().scatter_add(-1, n, z.view(3, 4).detach()) * z.view(3, 4),
        _SHORT,
    ),
    "text indices in even steps": trial(
        lambda z: z[torch.arange(4) * 3] * z[torch.tensor([-1, 7, 3, -13 + 12])]
    ),
    "text indices of both": trial(
        lambda z: z.view(3, 4)[torch.arange(3)[:, None], torch.tensor([3, 1])]
    ),
    "text indices that go nowhere": trial(lambda z: z[torch.tensor([5, 5, 5])]),
    "text indices that jump": trial(lambda z: z[torch.tensor([0, 1, 5, 6])]),
    "gather by the text": trial(
        lambda z: z.view(3, 4).gather(1, torch.arange(4).flip(0).expand(3, 4))
    ),
    "put at the text": trial(lambda z: z.index_put((torch.arange(1, 9, 2),), z[:4].exp())),
    "add twice at the text": trial(
        lambda z: z.index_put((torch.tensor([2, 2, 2]),), z[:3], accumulate=True)
    ),
    "components of many": trial(
        lambda z: (
            (
                z.view(1, 300).expand(2, 300)[..., None]
                * z[:2].log_softmax(0)[torch.arange(2)][:, None, None]
            )
            .logsumexp(0)
            .sum()
        ),
        size=300,
    ),
    "stacked components of many": trial(
        lambda z: torch.stack([z + z[0], (z * z[1]).tanh()], -1).logsumexp(-1).sum(), size=300
    ),
    "scatter data": trial(
        lambda z, x, n: x.view(3, 4).scatter_add(0, n, z[:8].view(2, 4)), _VALUES, _AT
    ),
}
