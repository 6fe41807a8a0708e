"""Arrays put together, and parts put into arrays."""

import torch
from torch import Tensor
from torch.nn import functional

from tests.models.native.trials import Trial, trial

_ROW = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)


def _written(z: Tensor) -> Tensor:
    result = torch.zeros(3, 4, dtype=z.dtype)
    result[1:, ::2] = z[:4].view(2, 2)
    result[0] = z[4:8].exp()
    result[:, -1] += z[8:11]
    result.diagonal(-1).mul_(2.0)
    return result


CASES: dict[str, Trial] = {
    "cat": trial(lambda z: torch.cat([z[:3], z[5:].exp()])),
    "cat along": trial(lambda z: torch.cat([z.view(3, 4), z.view(3, 4)[:, :1]], -1)),
    "cat with data": trial(lambda z, x: torch.cat([x, z, x]), _ROW),
    "cat with numbers": trial(lambda z: torch.cat([torch.zeros(2, dtype=z.dtype), z])),
    "cat with nothing": trial(lambda z: torch.cat([torch.zeros(0, dtype=z.dtype), z, z[:0]])),
    "cat of types": trial(lambda z: torch.cat([z, z.double(), z > 0])),
    "stack": trial(lambda z: torch.stack([z, z.exp(), -z], 1)),
    "stack last": trial(lambda z, x: torch.stack([z, x], -1).logsumexp(-1), _ROW),
    "stack of numbers": trial(lambda z: torch.stack([z[0], z[3], z[0]])),
    "pad": trial(lambda z: functional.pad(z.view(3, 4), (1, 2, 0, 1))),
    "pad with a number": trial(lambda z: functional.pad(z, (2, 0), value=-1.5)),
    "diagonal matrix": trial(lambda z: torch.diag_embed(z[:3])),
    "diagonal above": trial(lambda z: torch.diag_embed(z[:6].view(2, 3), 1)),
    "diagonal below": trial(lambda z: torch.diag_embed(z[:4], -2)),
    "diagonal of others": trial(lambda z: torch.diag_embed(z[:6].view(2, 3), 0, 0, -1)),
    "in place": trial(_written),
    "slice put in": trial(lambda z: torch.slice_scatter(z, z[:3].exp(), 0, 1, 10, 3)),
    "slice put in from the end": trial(lambda z: torch.slice_scatter(z, z[:2].exp(), 0, -2)),
    "index put in": trial(lambda z: torch.select_scatter(z.view(3, 4), z[:3], -1, -2)),
    "diagonal put in": trial(lambda z: torch.diagonal_scatter(z.view(3, 4), z[:3] ** 2, 1)),
    "slices used twice": trial(lambda z: z[2:8:2] * z[3:9:2] + z[:3]),
}
