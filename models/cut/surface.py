"""A log density through its cut: value, gradient and Hessian without a pass for every coordinate.

As `anatomy.py` has it, with the multipliers `w` of the sums,

    F(z) = t(z) + sum_b g(a_1b, ..., a_Kb),   g = sum_r w_r g_r,   a_k = A_k u(z),

and so, with `J = du / dz`, the derivatives `g_k` of `g` by the predictors, and the second ones
`W_kl`,

    dF = d [t + c . u](z),   c = sum_k A_k' g_k, held fixed,
    ddF = J' (sum_kl A_k' diag(W_kl) A_l) J + dd [t + c . u](z).

A Hessian is a product of matrices, `U x B x U`, where differentiation coordinate by coordinate goes
`D` times over the rows. What stands beside it is of few numbers.
"""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from models.cut.anatomy import Anatomy
from models.cut.sweep import Part, Sweep, parts
from models.cut.tape import Step, play


class Surface:
    """The log density of a tape that could be cut.

    Args:
        anatomy: of the tape.
        z: where it was taken, `D`.
    """

    def __init__(self, anatomy: Anatomy, z: Tensor) -> None:
        self._anatomy = anatomy
        entries = [entry for block in anatomy.blocks for entry in block.entries.values()]
        #: The narrow steps whose numbers enter, one after another in `u`: `U`.
        self._heads = tuple(dict.fromkeys(entry.head for entry in entries))
        self._size = 0
        self._starts: dict[Step, int] = {}
        for head in self._heads:
            self._starts[head] = self._size
            self._size += head.shape.numel()
        self._weights = self._multipliers(z)
        self._parts = self._cut(1)
        self._jacobian = self._slopes(z) if anatomy.plain else None

    @property
    def rows(self) -> int:
        """The largest number of rows that anything is summed over."""
        return max(block.rows for block in self._anatomy.blocks)

    def thinned(self, stride: int) -> Surface:
        """Return the same with one row of `stride` in the place of all."""
        thin = copy(self)
        thin._parts = self._cut(stride)
        return thin

    def value(self, z: Tensor) -> Tensor:
        """Return the log density, `C` in float64, at `z`: `C x D`."""
        with torch.no_grad():
            parts = [self._narrow(row) for row in z]
            return torch.stack([rest + self._swept(u, 0).value for u, rest in parts])

    def value_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D`, at `z`: `C x D`."""
        values, gradients = zip(*(self._at(row) for row in z), strict=True)
        return torch.stack(values), torch.stack(gradients)

    def hessian(self, z: Tensor) -> Tensor:
        """Return the Hessian, `D x D` in the dtype of `z`, at `z`: `D`."""
        with torch.no_grad():
            found = self._swept(self._narrow(z)[0], 2)
        slopes = self._slopes(z) if self._jacobian is None else self._jacobian
        slopes = slopes.to(found.curvature)
        hessian = (slopes.T @ found.curvature @ slopes).to(z.dtype)
        if self._anatomy.plain and self._anatomy.bare:
            return hessian
        weights = found.slope.to(z.dtype)
        slope = torch.func.grad(lambda row: self._folded(row, weights))
        return hessian + torch.func.jacrev(slope)(z).detach()

    def _at(self, z: Tensor) -> tuple[Tensor, Tensor]:
        leaf = z.detach().clone().requires_grad_()
        with torch.enable_grad():
            u, rest = self._narrow(leaf)
        found = self._swept(u, 1)
        tops, weights = [u], [found.slope.to(u.dtype)]
        if rest.requires_grad:
            tops, weights = [u, rest], [*weights, torch.ones_like(rest)]
        (gradient,) = torch.autograd.grad(tops, leaf, weights)
        return rest.detach() + found.value, gradient

    def _folded(self, z: Tensor, weights: Tensor) -> Tensor:
        """Return `t + c . u`, a scalar."""
        u, rest = self._narrow(z)
        return weights @ u + rest.to(z.dtype)

    def _slopes(self, z: Tensor) -> Tensor:
        """Return `J`: `U x D`."""
        return torch.func.jacrev(lambda row: self._narrow(row)[0])(z).detach()

    def _narrow(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return `u`: `U`, and `t`, a scalar in float64."""
        values = {self._anatomy.tape.point: z}
        play(self._anatomy.head, values)
        u = torch.cat([values[head].reshape(-1) for head in self._heads])
        values.update({s: z.new_zeros(s.shape, dtype=s.dtype) for s in self._weights})
        play(self._anatomy.tail, values)
        return u, values[self._anatomy.tape.result].to(torch.float64)

    def _multipliers(self, z: Tensor) -> dict[Step, float]:
        """Return the derivative of the total by each sum; it is the same everywhere."""
        sums = [step for block in self._anatomy.blocks for step in block.sums]
        values = {self._anatomy.tape.point: z}
        with torch.enable_grad():
            leaves = [z.new_zeros(s.shape, dtype=s.dtype).requires_grad_() for s in sums]
            play(self._anatomy.head, values)
            values.update(zip(sums, leaves, strict=True))
            play(self._anatomy.tail, values)
            found = torch.autograd.grad(values[self._anatomy.tape.result], leaves)
        return {step: float(slope) for step, slope in zip(sums, found, strict=True)}

    def _cut(self, stride: int) -> list[Part]:
        blocks = self._anatomy.blocks
        cut = (parts(block, self._starts, self._weights, stride) for block in blocks)
        return [part for some in cut for part in some]

    def _swept(self, u: Tensor, order: int) -> Sweep:
        """Go once over all rows, for derivatives up to `order`."""
        u = u.detach()
        numbers = {
            head: u[start : start + head.shape.numel()] for head, start in self._starts.items()
        }
        found = Sweep(
            u.new_zeros((), dtype=torch.float64),
            u.new_zeros(self._size, dtype=torch.float64),
            u.new_zeros(self._size, self._size, dtype=torch.float64),
        )
        for part in self._parts:
            part.add(found, numbers, order)
        return found
