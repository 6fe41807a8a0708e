"""Optimisers that search along a direction: the gradient, and the natural gradient."""

from abc import abstractmethod

import torch
from torch import Tensor

from workers.engines.kernels.line_search import line_search
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import AbstractOptimizer, Climbers, Descent, start_descent
from workers.engines.kernels.spectrum import spectrum


class AbstractLineSearcher(AbstractOptimizer):
    """Steps along a direction to where the weak Wolfe conditions hold."""

    def start(self, objective: Objective, z: Tensor) -> Descent:
        """Begin at `z`: `C x D` in float64."""
        return start_descent(objective, z)

    def step(self, objective: Objective, rows: Climbers, active: Tensor) -> Descent:
        """Advance the active rows by one line search."""
        assert isinstance(rows, Descent)
        direction, first = self._direction(objective, rows, active)
        slope = (rows.gradient * direction).sum(1)
        searching = active & ~rows.stuck & (slope < 0)
        found = line_search(
            objective, rows.z, rows.value, rows.gradient, direction, first, searching
        )
        step = (found.z - rows.z).norm(dim=1) / direction.norm(dim=1).clamp(min=1e-300)
        return Descent(
            found.z,
            found.value,
            found.gradient,
            torch.where(searching, rows.value - found.value, 0.0),
            torch.where(searching, -0.5 * first * slope, rows.promise),
            rows.stuck | (active & ~found.moved),
            torch.where(found.moved, step, rows.reach),
        )

    @abstractmethod
    def _direction(
        self, objective: Objective, rows: Descent, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the directions, `C x D`, and the first steps to try, `C`."""


class GradientDescent(AbstractLineSearcher):
    """Down the gradient (Cauchy 1847); the first step tried is twice the last one."""

    def _direction(
        self, objective: Objective, rows: Descent, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        unit = (1.0 / rows.gradient.norm(dim=1).clamp(min=1e-300)).clamp(max=1.0)
        return -rows.gradient, torch.where(rows.reach > 0.0, 2.0 * rows.reach, unit)


class NaturalGradient(AbstractLineSearcher):
    """Down the gradient in the metric of the Fisher information.

    Amari, Natural gradient works efficiently in learning (Neural Computation 10, 1998): the
    steepest direction where distance is that between distributions, so the path does not depend on
    how the parameters are scaled or mixed.
    """

    square = True

    def _direction(
        self, objective: Objective, rows: Descent, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps = [
            spectrum(objective.information(z)[0], z).solve(gradient) if going else gradient
            for z, gradient, going in zip(rows.z, rows.gradient, active.tolist(), strict=True)
        ]
        return -torch.stack(steps), torch.ones_like(rows.value)
