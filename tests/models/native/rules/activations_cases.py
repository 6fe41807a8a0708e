"""Soft steps."""

import torch
from torch.nn import functional

from tests.models.native.trials import Trial, trial

CASES: dict[str, Trial] = {
    "softplus": trial(functional.softplus),
    "softplus with beta": trial(lambda z: functional.softplus(z, beta=2.0, threshold=5.0)),
    "softplus with threshold": trial(lambda z: functional.softplus(z, threshold=0.5)),
    "log sigmoid": trial(functional.logsigmoid),
    "relu": trial(torch.relu),
}
