"""The optimisers by name."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from workers.engines.kernels.adam_rows import Adam
from workers.engines.kernels.directions import GradientDescent, NaturalGradient
from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import AbstractOptimizer, Climbers
from workers.engines.kernels.trust_region import Newton

OptimizerName = Literal["lbfgs", "newton", "natural_gradient", "adam", "gradient_descent"]


class Lbfgs(AbstractOptimizer):
    """See `lbfgs`."""

    def start(self, objective: Objective, z: Tensor) -> LbfgsState:
        """Begin at `z`: `C x D` in float64."""
        return start_lbfgs(objective, z.to(torch.float64))

    def step(self, objective: Objective, rows: Climbers, active: Tensor) -> LbfgsState:
        """Advance the active rows by one iteration."""
        assert isinstance(rows, LbfgsState)
        return step_lbfgs(objective, rows, active)


OPTIMIZERS: Mapping[OptimizerName, AbstractOptimizer] = {
    "lbfgs": Lbfgs(),
    "newton": Newton(),
    "natural_gradient": NaturalGradient(),
    "adam": Adam(),
    "gradient_descent": GradientDescent(),
}
