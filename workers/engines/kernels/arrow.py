"""Which unknowns belong to which element of a plate, and the normal whose covariance follows it.

Global unknowns first, then the local ones of each plate element, block by block: the precision of a
hierarchy given its globals is block diagonal, and with them it has the shape of an arrow. So has
its Cholesky factor, which takes room and time linear in the number of elements.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from models.density import Parameter

#: Log diagonal, what is below it, and the part along the globals' noise.
Block = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Arrow:
    """A partition of the `D` coordinates; index tensors."""

    #: `G`: coordinates outside of plates.
    outside: Tensor
    #: For the unknowns of each plate (or of plates that cross), `J x K`: by element, its own.
    plates: tuple[Tensor, ...]

    @cached_property
    def where(self) -> Tensor:
        """Where each coordinate stands in the order of the partition: `D`."""
        return torch.cat([self.outside, *(plate.flatten() for plate in self.plates)]).argsort()

    def split(self, w: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Cut `S x D` into the globals, `S x G`, and each plate's locals, `S x J x K`."""
        return w[:, self.outside], [w[:, plate] for plate in self.plates]

    def join(self, outside: Tensor, inside: Sequence[Tensor]) -> Tensor:
        """Undo `split`."""
        return torch.cat([outside, *(part.flatten(1) for part in inside)], 1)[:, self.where]


def arrow_of(parameters: Sequence[Parameter], device: torch.device) -> Arrow:
    """Sort unknowns by the plates they are in; those of the same plates share their elements."""
    outside: list[int] = []
    plates: dict[tuple[str, ...], list[Tensor]] = {}
    for parameter in parameters:
        names = tuple(sorted({plate for plate in parameter.plates if plate}))
        if names:
            plates.setdefault(names, []).append(parameter.offset + _rows(parameter, names))
        else:
            outside += range(parameter.offset, parameter.offset + parameter.size)
    blocks = tuple(torch.cat(rows, 1).to(device) for rows in plates.values())
    return Arrow(torch.tensor(outside, dtype=torch.long, device=device), blocks)


def _rows(parameter: Parameter, names: tuple[str, ...]) -> Tensor:
    """Return the coordinates, from 0, of each element of the plates `names`: `J x K`."""
    axes = [parameter.plates.index(name) for name in names]
    deep = max(axes) + 1
    # Plates are batch dimensions, which no transform mixes; what an element has is to the right.
    batch = parameter.shape[:deep]
    order = torch.arange(parameter.size).reshape(*batch, parameter.size // math.prod(batch))
    elements = math.prod(parameter.shape[axis] for axis in axes)
    return order.movedim(axes, tuple(range(len(axes)))).reshape(elements, -1)


class ArrowNormal(TorchDistribution):  # type: ignore[misc]
    """The normal `loc + R noise`, where `R` is a Cholesky factor in the shape of an arrow.

    Args:
        arrow: the partition.
        loc: `D`.
        outside: log diagonal, `G`, and what is below it, `G x G`.
        inside: for each plate: `J x K`, `J x K x K` and, along the globals' noise, `J x K x G`.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector

    def __init__(
        self, arrow: Arrow, loc: Tensor, outside: tuple[Tensor, Tensor], inside: Sequence[Block]
    ) -> None:
        self.arrow, self.loc = arrow, loc
        self.diagonals = [outside[0], *(block[0] for block in inside)]
        self.root = factor(*outside)
        self.roots = [factor(*block[:2]) for block in inside]
        self.along = [block[2] for block in inside]
        super().__init__(torch.Size(), loc.shape, validate_args=False)

    def place(self, noise: Tensor) -> Tensor:
        """Return `S x D` from standard normal `noise`: `S x D`."""
        outside, inside = self.arrow.split(noise)
        parts = [
            torch.einsum("jkg,sg->sjk", along, outside) + torch.einsum("jkl,sjl->sjk", root, own)
            for along, root, own in zip(self.along, self.roots, inside, strict=True)
        ]
        return self.loc + self.arrow.join(outside @ self.root.T, parts)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, `S`, at points `S x D`."""
        outside, inside = self.arrow.split(value - self.loc)
        noise = _solved(self.root, outside)
        square = (noise**2).sum(1)
        for along, root, own in zip(self.along, self.roots, inside, strict=True):
            left = _solved(root, own - torch.einsum("jkg,sg->sjk", along, noise))
            square = square + (left**2).sum((1, 2))
        constant = len(self.loc) * math.log(2.0 * math.pi)
        return -0.5 * (square + constant) - self._log_det()

    def entropy(self) -> Tensor:
        """Return the entropy, a scalar."""
        return self._log_det() + 0.5 * len(self.loc) * (1.0 + math.log(2.0 * math.pi))

    def _log_det(self) -> Tensor:
        return torch.stack([diagonal.sum() for diagonal in self.diagonals]).sum()


def factor(log_diagonal: Tensor, lower: Tensor) -> Tensor:
    """Return lower triangular factors, `... x K x K`, with a positive diagonal."""
    return lower.tril(-1) + torch.diag_embed(log_diagonal.exp())


def _solved(root: Tensor, x: Tensor) -> Tensor:
    """Return `root^-1 x` for every row: `root` is `... x K x K`, `x` is `S x ... x K`."""
    columns = x.movedim(0, -1)  # ... x K x S
    return torch.linalg.solve_triangular(root, columns, upper=False).movedim(-1, 0)
