"""Running sums and products."""

import torch

from tests.models.native.trials import Trial, trial

CASES: dict[str, Trial] = {
    "cumsum": trial(lambda z: z.cumsum(0)),
    "cumsum of rows": trial(lambda z: z.view(3, 4).exp().cumsum(-1)),
    "cumsum of columns": trial(lambda z: z.view(3, 4).cumsum(0)),
    "cumsum of the middle": trial(lambda z: z.view(2, 3, 2).cumsum(1)),
    "cumsum of a transpose": trial(lambda z: z.view(3, 4).T.cumsum(1)),
    "cumsum of a number": trial(lambda z: z[0].cumsum(0)),
    "cumsum of an expansion": trial(lambda z: z[:1].expand(4).cumsum(0)),
    "cumsum of nothing": trial(lambda z: z[:0].cumsum(0).sum() + z[0]),
    "cumsum in doubles": trial(lambda z: z.cumsum(0, dtype=torch.float64)),
    "cumprod": trial(lambda z: z.view(3, 4).detach().cumprod(1) + z.view(3, 4)),
    "logcumsumexp": trial(lambda z: z.detach().logcumsumexp(0) + z),
    "logcumsumexp of columns": trial(lambda z: z.view(3, 4).detach().logcumsumexp(0)),
}
