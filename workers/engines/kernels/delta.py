"""A guide that is one point: the most probable values, as `map` finds them."""

import torch
from torch import Tensor

from models.density import Target
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide, Parameters


class Delta(AbstractGuide):
    """All mass at `loc`: `D`. Its bound is the log joint density there; it has no density."""

    #: Of the constrained values, so that the point does not depend on how they are transformed.
    target = Target.JOINT
    point = True

    def start(self, frame: Frame) -> Parameters:
        return (torch.zeros_like(frame.centre),)

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return parameters[0].expand(len(noise), -1)

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        return (gradient.sum(0),)

    def entropy(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=noise.device)

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        return (torch.zeros_like(parameters[0]),)

    def log_prob(self, parameters: Parameters, noise: Tensor, w: Tensor) -> Tensor:
        return torch.zeros(len(w), dtype=torch.float64, device=w.device)
