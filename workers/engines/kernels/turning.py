"""The U-turn test: has a trajectory begun to come back?

The generalised criterion: with momenta `p` at both ends of a trajectory and the sum `rho` of all
its momenta, it goes on while `p_begin . rho > 0` and `p_end . rho > 0`. Momenta are whitened (see
`metric`), so no metric appears. The test is the same read from either end. Betancourt, A conceptual
introduction to Hamiltonian Monte Carlo (2017), appendix A.4.2; with Stan's two further tests across
the halves of every subtree (stan-dev/stan#2800), without which nearly periodic motion runs too far.
"""

import torch
from torch import Tensor


def straight(begin: Tensor, end: Tensor, rho: Tensor) -> Tensor:
    """Return which chains have no trajectory that turns, `C`.

    Args:
        begin: momenta at one end, `K x C x D` for `K` trajectories of each chain.
        end: at the other.
        rho: sums of momenta. A nan anywhere turns.
    """
    along = torch.stack([begin, end]) * rho  # 2 x K x C x D
    return along.sum(-1).amin((0, 1)) > 0


class Checkpoints:
    """What the leaves of one subtree must remember so that all its subtrees can be tested.

    Leaves come in order of integration, `n = 0, 1, ...`. A subtree of `2^k` leaves is complete
    at leaf `n` when `n + 1` is a multiple of `2^k`. Only `O(log n)` leaves are kept: the binary
    digits of `n` say where the first leaf of each subtree lies (Phan and Pradhan, iterative NUTS,
    NumPyro; Lao and Dillon, Unrolled implementation of NUTS, 2019). Tensors are kept by
    reference, never written to.
    """

    def __init__(self, depth: int) -> None:
        slots = max(1, depth)
        #: Momentum of the first leaf of an open subtree, of the leaf before it, and the sum of the
        #: momenta of all leaves before it.
        self._begin: list[Tensor] = [torch.empty(0)] * slots
        self._last: list[Tensor] = [torch.empty(0)] * slots
        self._before: list[Tensor] = [torch.empty(0)] * slots

    def put(self, n: int, p: Tensor, last: Tensor, before: Tensor) -> None:
        """Remember leaf `n`, even: its momentum, the leaf before it, the sum before it."""
        slot = (n >> 1).bit_count()
        self._begin[slot], self._last[slot], self._before[slot] = p, last, before

    def straight(self, n: int, p: Tensor, total: Tensor) -> Tensor:
        """Return whether no subtree that ends at leaf `n`, odd, turns: `C`.

        Args:
            n: the leaf's number.
            p: its momentum, `C x D`.
            total: the sum of the momenta of leaves `0 ... n`, `C x D`.
        """
        top = (n >> 1).bit_count()
        count = (~n & (n + 1)).bit_length() - 1  # trailing ones of n: subtrees that end here
        if count == 1:
            begin = self._begin[top]
            return straight(begin[None], p[None], (begin + p)[None])
        slots = slice(top - count + 1, top + 1)
        begin = torch.stack(self._begin[slots])  # k x C x D, from the largest subtree to the least
        before = torch.stack(self._before[slots])
        last = torch.stack(self._last[slots][1:])  # ends of the first halves of all but the least
        rho = total - before
        first = before[1:] - before[:-1]  # sums over the first halves
        # The whole; the first half with one leaf of the second; the second with one of the first.
        begins = torch.cat([begin, begin[:-1], last])
        ends = torch.cat([p.expand_as(begin), begin[1:], p.expand_as(last)])
        sums = torch.cat([rho, first + begin[1:], rho[1:] + last])
        return straight(begins, ends, sums)
