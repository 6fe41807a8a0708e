"""The No-U-Turn transition: multinomial, iterative, all chains in step.

Hoffman and Gelman (JMLR 15, 2014) with Betancourt's multinomial draw (2017, appendix A.3) and
generalised criterion. Within a subtree the draw is by weight; between the old trajectory and a new
subtree it is biased towards the new one. All chains that still grow are at the same depth and
leaf, so a chain that has ended is only masked; a transition lasts until the longest trajectory
ends.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.initial import Point
from workers.engines.kernels.leapfrog import Phase, Stride, log_joint, stride
from workers.engines.kernels.ledger import Ledger
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.subtree import Subtree, grow
from workers.engines.kernels.transition import Transition
from workers.engines.kernels.turning import straight

_SEEDS = 2**62
#: Doublings whose leaves' numbers are drawn in one go.
_EARLY = 3


@dataclass(frozen=True)
class Tree:
    """A trajectory and the point drawn from it so far.

    Of a chain that has ended, only the draw and the depth still mean something.
    """

    #: `3 x C x D`: position, momentum and gradient at either end, in the order of time.
    left: Tensor
    right: Tensor
    #: `C x D`: sum of all momenta.
    rho: Tensor
    #: `C`: log of the sum of the weights.
    log_weight: Tensor
    #: The draw: its row in the ledger (`C`), position and gradient (`C x D`).
    row: Tensor
    z: Tensor
    gradient: Tensor
    #: `C`: chains that still grow; doublings completed.
    active: Tensor
    depth: Tensor


class Numbers:
    """The random numbers of one transition, in a stream of its own.

    The parent's stream moves on by a fixed amount, and the leaves of doubling `k` always lie at
    the same place: how long one chain's trajectory is changes no number that another chain sees.
    """

    def __init__(self, generator: torch.Generator, max_depth: int, chains: int) -> None:
        device = generator.device
        seed = torch.randint(_SEEDS, (), generator=generator, device=device)
        self._own = torch.Generator(device).manual_seed(int(seed))
        self._chains = chains
        u = torch.rand(
            2, max_depth, chains, generator=self._own, dtype=torch.float64, device=device
        )
        #: `max_depth x C x 1`: whether a doubling goes forward in time.
        self.forward = (u[0] < 0.5)[:, :, None]
        #: `max_depth x C`: log of uniform numbers, to take or leave a subtree's draw.
        self.log_u = u[1].log()
        self._early = self._gumbel(2**_EARLY - 1)

    def leaves(self, depth: int) -> Tensor:
        """Return `2^depth x C` standard Gumbel numbers; depths are asked for in order."""
        if depth < _EARLY:
            return self._early[2**depth - 1 : 2 ** (depth + 1) - 1]
        return self._gumbel(2**depth)

    def _gumbel(self, count: int) -> Tensor:
        empty = torch.empty(count, self._chains, dtype=torch.float64, device=self._own.device)
        return empty.exponential_(generator=self._own).log_().neg_()


def nuts(
    density: AbstractLogDensity,
    point: Point,
    step_size: Tensor,
    metric: Metric,
    generator: torch.Generator,
    max_depth: int,
) -> Transition:
    """Return one NUTS transition (see `transition.Kernel`) of at most `2^max_depth - 1` leaps."""
    z = point.z
    p = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
    numbers = Numbers(generator, max_depth, len(step_size))
    start = Phase(z, p, point.gradient, point.log_density)
    initial = log_joint(start)
    ledger, tree = Ledger(start.log_density), _plant(start)
    strides = _strides(step_size, metric, numbers.forward)
    for depth, by in enumerate(strides):
        tree = _double(density, tree, by, initial, depth, numbers, ledger)
        if not bool(tree.active.any()):
            break
    gain, log_density = ledger.at(tree.row)
    leapfrogs, acceptance, divergent = ledger.totals()
    return Transition(
        point=Point(tree.z, log_density, tree.gradient),
        acceptance=acceptance,
        divergent=divergent,
        energy=-(initial + gain),
        leapfrogs=leapfrogs,
        stats={"tree_depth": tree.depth},
    )


def _strides(step_size: Tensor, metric: Metric, forward: Tensor) -> list[Stride]:
    """Return the signed stride of every doubling."""
    by = stride(step_size, metric)
    halves = torch.where(forward, by.half, -by.half).unbind(0)
    fulls = torch.where(forward, by.full, -by.full).unbind(0)
    return [Stride(half, full, metric) for half, full in zip(halves, fulls, strict=True)]


def _plant(start: Phase) -> Tree:
    end = torch.stack([start.z, start.p, start.gradient])
    zero = torch.zeros_like(start.log_density)
    row = torch.zeros_like(zero, dtype=torch.int64)
    active = torch.ones_like(zero, dtype=torch.bool)
    return Tree(end, end, start.p, zero, row, start.z, start.gradient, active, row)


def _double(
    density: AbstractLogDensity,
    tree: Tree,
    by: Stride,
    initial: Tensor,
    depth: int,
    numbers: Numbers,
    ledger: Ledger,
) -> Tree:
    """Return the tree after one more doubling of the chains that still grow."""
    forward = numbers.forward[depth]  # C x 1
    z, p, gradient = torch.where(forward, tree.right, tree.left).unbind(0)
    edge = Phase(z, p, gradient, initial)
    grown = grow(density, edge, by, initial, numbers.leaves(depth), tree.active, ledger)
    whole = grown.whole
    take = whole & (numbers.log_u[depth] < grown.log_weight - tree.log_weight)
    taken = take[:, None]
    end = torch.stack([grown.end.z, grown.end.p, grown.end.gradient])
    far = torch.where(forward, tree.left[1], tree.right[1])
    return Tree(
        left=torch.where(forward, tree.left, end),
        right=torch.where(forward, end, tree.right),
        rho=tree.rho + grown.rho,
        log_weight=torch.logaddexp(tree.log_weight, grown.log_weight),
        row=torch.where(take, grown.row, tree.row),
        z=torch.where(taken, grown.z, tree.z),
        gradient=torch.where(taken, grown.gradient, tree.gradient),
        active=whole & _goes_on(tree.rho, grown, p, far),
        depth=tree.depth + whole,
    )


def _goes_on(rho: Tensor, grown: Subtree, near: Tensor, far: Tensor) -> Tensor:
    """Return whether the joined trajectory does not turn: as a whole, and across the joint."""
    begins = torch.stack([far, far, near])
    ends = torch.stack([grown.end.p, grown.begin, grown.end.p])
    sums = torch.stack([rho + grown.rho, rho + grown.begin, grown.rho + near])
    return straight(begins, ends, sums)
