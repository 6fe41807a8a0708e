"""A guide in the shape of a hierarchy: globals jointly normal, a plate's locals given the globals.

Hoffman and Blei, Structured stochastic variational inference (2015); the linear map from globals to
locals as in Tan and Nott, Gaussian variational approximation with sparse precision matrices (2018).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels.arrow import Arrow, ArrowNormal
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractNormal, Parameters


@dataclass(frozen=True, eq=False)
class Structured(AbstractNormal):
    """A normal whose Cholesky factor is an arrow.

    Parameters: `loc`: `D`; of the globals log diagonal `G` and lower part `G x G`; of each plate of
    `J` elements with `K` unknowns the same, `J x K` and `J x K x K`, and `J x K x G` along the
    globals' noise.
    """

    arrow: Arrow

    def start(self, frame: Frame) -> Parameters:
        like, width = frame.centre, len(self.arrow.outside)
        shapes: list[tuple[int, ...]] = [(len(like),), (width,), (width, width)]
        for plate in self.arrow.plates:
            elements, size = plate.shape
            shapes += [(elements, size), (elements, size, size), (elements, size, width)]
        return tuple(like.new_zeros(shape) for shape in shapes)

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return self._normal(parameters).place(noise)

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        outside, inside = self.arrow.split(noise)
        slope, slopes = self.arrow.split(gradient)
        outer = slope.T @ outside  # G x G
        found = [gradient.sum(0), parameters[1].exp() * outer.diagonal(), outer.tril(-1)]
        for log_diagonal, own, uphill in zip(parameters[3::3], inside, slopes, strict=True):
            outer = torch.einsum("sjk,sjl->jkl", uphill, own)
            found += [
                log_diagonal.exp() * outer.diagonal(dim1=1, dim2=2),
                outer.tril(-1),
                torch.einsum("sjk,sg->jkg", uphill, outside),
            ]
        return tuple(found)

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        # The entropy is the sum of the log diagonals and a constant.
        diagonals = {1, *range(3, len(parameters), 3)}
        return tuple(
            torch.ones_like(p) if i in diagonals else torch.zeros_like(p)
            for i, p in enumerate(parameters)
        )

    def distribution(self, parameters: Parameters) -> ArrowNormal:
        return self._normal(tuple(p.to(torch.float64) for p in parameters))

    def _normal(self, parameters: Parameters) -> ArrowNormal:
        loc, log_diagonal, lower, *rest = parameters
        blocks = list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
        return ArrowNormal(self.arrow, loc, (log_diagonal, lower), blocks)
