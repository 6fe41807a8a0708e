"""Reductions."""

import torch

from tests.models.native.trials import Trial, trial

_ROW = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)

CASES: dict[str, Trial] = {
    "sum": trial(lambda z: z.exp().sum()),
    "sum of all": trial(lambda z: z.view(3, 4).sum([])),
    "sum of rows": trial(lambda z: z.view(3, 4).sum(-1)),
    "sum of columns": trial(lambda z: z.view(3, 4).sum(0, keepdim=True)),
    "sum of the middle": trial(lambda z: z.view(2, 3, 2).sum(1)),
    "sum of outer and inner": trial(lambda z: z.view(2, 3, 2).sum((0, 2))),
    "sum of ones": trial(lambda z: z.view(3, 1, 4).sum(1)),
    "sum of a number": trial(lambda z: z[0].sum() + z[0].sum(0)),
    "sum of nothing": trial(lambda z: z[:0].sum() + z[0]),
    "sum of no rows": trial(lambda z: z[:0].view(0, 3).sum(0) + z[:3]),
    "sum to no rows": trial(lambda z: z[:0].view(0, 3).sum(1).sum() + z[0]),
    "sum of an expansion": trial(lambda z: z[:3, None].expand(3, 5).sum(1)),
    "sum of all of an expansion": trial(lambda z: z[:3, None].expand(3, 5).sum()),
    "sum of no copies": trial(lambda z: z[:3, None].expand(3, 0).sum(1)),
    "sum of a transpose": trial(lambda z: z.view(3, 4).T.exp().sum(0)),
    "sum in doubles": trial(lambda z: z.sum(dtype=torch.float64)),
    "sum of doubles": trial(lambda z: z.double().view(3, 4).sum(1).to(z.dtype)),
    "sum of data times": trial(lambda z, x: (z.view(3, 4) * x[:4]).sum(0), _ROW),
    "sum of sums": trial(lambda z: (z.view(3, 4) - z.view(3, 4).sum(1, keepdim=True)).exp().sum(0)),
    "mean": trial(lambda z: z.mean()),
    "mean of rows": trial(lambda z: z.view(3, 4).mean(1, keepdim=True) * z.view(3, 4)),
    "mean of nothing": trial(lambda z: z[:0].mean() + z[0]),
    "mean of an expansion": trial(lambda z: z[:3, None].expand(3, 5).mean(1)),
    "amax": trial(lambda z: z.view(3, 4).amax(0)),
    "amax of all": trial(lambda z: z.amax()),
    "amax of an expansion": trial(lambda z: z[:3, None].expand(3, 5).amax(1).detach() + z[:3]),
    "amin": trial(lambda z: z.view(3, 4).amin((0, 1), keepdim=True)),
    "max": trial(lambda z: z.max().detach() * z),
    "min": trial(lambda z: z.min().detach() * z),
    "prod": trial(lambda z: z[:4].prod().detach() + z),
    "prod along": trial(lambda z: z.view(3, 4).detach().prod(-1, keepdim=True) + z.view(3, 4)),
    "prod of an expansion": trial(lambda z: z[:3, None].expand(3, 2).detach().prod(1) + z[:3]),
    "var": trial(lambda z: z.var()),
    "var of rows": trial(lambda z: z.view(3, 4).var(1, correction=0)),
    "var of one": trial(lambda z: z.view(12, 1).var(1).detach() + z),
    "var corrected away": trial(lambda z: z.view(6, 2).var(1, correction=2).detach() + z[:6]),
    "std": trial(lambda z: z.std()),
    "std of rows": trial(lambda z: z.view(3, 4).std(1, correction=0)),
    "norm": trial(lambda z: z.norm()),
    "norm of rows": trial(lambda z: torch.linalg.vector_norm(z.view(3, 4), dim=1, keepdim=True)),
    "many rows": trial(lambda z: z.view(150, 2).exp().sum(1).log().sum(0), size=300),
    "many columns": trial(lambda z: z.view(2, 150).exp().sum(0).log().sum(), size=300),
    "many rows kept": trial(lambda z: (z.view(150, 2) * z[:2]).sum(0), size=300),
    "both ways": trial(lambda z: z.view(20, 15).exp().sum(0).log() * z.view(20, 15), size=300),
}
