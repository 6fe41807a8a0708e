"""Sums of exponentials."""

import math

import torch

from tests.models.native.trials import Trial, trial

_LOW = torch.full((12,), -math.inf, dtype=torch.float64)

CASES: dict[str, Trial] = {
    "logsumexp": trial(lambda z: z.logsumexp(0)),
    "logsumexp of rows": trial(lambda z: z.view(3, 4).logsumexp(-1, keepdim=True)),
    "logsumexp of both": trial(lambda z: z.view(3, 4).logsumexp((0, 1))),
    "logsumexp of columns": trial(lambda z: z.view(3, 4).logsumexp(0)),
    "logsumexp of a number": trial(lambda z: z[0].logsumexp(0)),
    "logsumexp of nothing left": trial(
        lambda z, x: torch.cat([z[:1].detach() * 0 + x[:1], x]).logsumexp(0) + z, _LOW
    ),
    "logsumexp of nothing": trial(lambda z: z[:0].logsumexp(0).exp() + z),
    "softmax": trial(lambda z: z.softmax(0)),
    "softmax of columns": trial(lambda z: z.view(3, 4).softmax(0)),
    "softmax of a number": trial(lambda z: z[0].softmax(0)),
    "log softmax": trial(lambda z: z.log_softmax(-1)),
    "log softmax of rows": trial(lambda z: z.view(3, 4).log_softmax(1)[:, 2]),
    "log softmax far out": trial(lambda z: (z + 1e6).log_softmax(0)),
    "mixture": trial(
        lambda z: (z.view(150, 2) + z[:2].log_softmax(0)).logsumexp(1).sum(), size=300
    ),
    "mixture of columns": trial(
        lambda z: (z.view(2, 150) + z[:2].log_softmax(0)[:, None]).logsumexp(0).sum(), size=300
    ),
}
