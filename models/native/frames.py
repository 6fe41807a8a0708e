"""How steps share the turns of a loop.

A loop goes over all dimensions of its steps' domains; but where all but the largest have few
numbers together, it goes over the largest alone, and each turn does the few. Then a reduction over
the few is done within a turn, as over a mixture's components, and what follows it is too.

What is made in a turn lies in registers for the steps after it that read, in the same turn, nothing
else. `Makers.found` is where that is decided, for the schedule and for the text alike.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.native.statements import Access, Contract, Fold, Point, Spread, Statement, Store
from models.native.values import Producer, Shape, contiguous

#: Numbers of a step that one turn may do.
FEW = 8
#: Statements whose operands are read once per place.
PLAIN = (Point, Fold, Store, Spread)


@dataclass(frozen=True)
class Frame:
    """A domain's dimensions: those that the loop goes over, and those that each turn does."""

    #: Sizes of the loop's dimensions.
    sizes: Shape
    outer: tuple[int, ...]
    inner: tuple[int, ...]


@dataclass(frozen=True)
class Spot:
    """Where a turn finds numbers among those made in it: `offset + sum(stride * inner place)`."""

    offset: int
    strides: Shape


def frame_of(domain: Shape) -> Frame:
    """Return how a domain is gone over."""
    everything = tuple(range(len(domain)))
    if len(domain) > 1 and 0 < math.prod(domain) <= FEW * max(domain):
        row = domain.index(max(domain))
        return Frame((domain[row],), (row,), tuple(d for d in everything if d != row))
    return Frame(domain, everything, ())


@dataclass(frozen=True)
class Turns:
    """How an array that is made in turns belongs to them."""

    #: Of the loop's dimensions.
    sizes: Shape
    #: The array's strides along them.
    steps: Shape
    #: Numbers that each turn makes.
    count: int

    def found(self, access: Access, domain: Shape) -> Spot | None:
        """Return where a read over a domain finds what its own turn makes; None where it does not.

        Within a turn numbers are counted in the order in which they lie in the array.
        """
        frame = frame_of(domain)
        if frame.sizes != self.sizes or access.tables:
            return None
        if tuple(access.strides[d] for d in frame.outer) != self.steps:
            return None
        if len(self.steps) != 1:
            return Spot(0, ()) if not access.offset else None
        return self._within(access, domain, frame)

    def _local(self, address: int) -> int | None:
        """Split an address into rounds of the loop's dimension, its turn, and the rest below one.

        The turn must be the first: what the loop adds is left out of the address.
        """
        (size,), (step,) = self.sizes, self.steps
        if address < 0 or address // step % size:
            return None
        return address // (step * size) * step + address % step

    def _within(self, access: Access, domain: Shape, frame: Frame) -> Spot | None:
        first = self._local(access.offset)
        steps = [self._local(access.offset + access.strides[d]) for d in frame.inner]
        if first is None or None in steps:
            return None
        strides = tuple(step - first for step in steps if step is not None)
        for place in itertools.product(*(range(domain[d]) for d in frame.inner)):
            moved = sum(access.strides[d] * n for d, n in zip(frame.inner, place, strict=True))
            inside = sum(map(int.__mul__, strides, place))
            if self._local(access.offset + moved) != first + inside:
                return None
        return Spot(first, strides)


def written(statement: Statement) -> Access:
    """Return where a step puts what it makes, over its domain."""
    if isinstance(statement, Store):
        return statement.target
    strides = statement.strides if isinstance(statement, Fold) else contiguous(statement.domain)
    return Access(statement.out, strides)


def turns_of(makers: Sequence[Statement]) -> Turns | None:
    """Return how what some steps make belongs to turns; None where a turn touches another's."""
    stores = all(isinstance(maker, Store) for maker in makers)
    alone = len(makers) == 1 and isinstance(makers[0], Point | Contract | Fold)
    if not makers or not (alone or stores):
        return None
    domain, target = makers[0].domain, written(makers[0])
    frame = frame_of(domain)
    steps = tuple(target.strides[d] for d in frame.outer)
    if 0 in frame.sizes or min(steps, default=1) < 1:
        return None
    count, rest = divmod(makers[0].out.size, math.prod(frame.sizes))
    turns = Turns(frame.sizes, steps, count)
    if alone:
        return turns
    if len(steps) != 1 or rest or count % steps[0] or count > 2 * FEW:
        return None
    inside = all(turns.found(written(maker), maker.domain) for maker in makers)
    return turns if inside else None


class Makers:
    """The steps that make each array, and whether they do so in turns."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._steps: defaultdict[Producer, list[Statement]] = defaultdict(list)
        for statement in statements:
            self._steps[statement.out].append(statement)
        self._turns = {producer: turns_of(steps) for producer, steps in self._steps.items()}

    @property
    def producers(self) -> Sequence[Producer]:
        """Return what is made, in the order in which it is begun."""
        return tuple(self._steps)

    def of(self, producer: Producer) -> Sequence[Statement]:
        """Return the steps that make an array."""
        return self._steps.get(producer, [])

    def turns(self, producer: Producer) -> Turns | None:
        """Return how an array belongs to turns; None where it is not made in them."""
        return self._turns.get(producer)

    def found(self, producer: Producer, read: Access, reader: Statement) -> Spot | None:
        """Return where a read finds its number in the turn that makes it, or None."""
        turns = self.turns(producer)
        if turns is None or not isinstance(reader, PLAIN):
            return None
        return turns.found(read, reader.domain)
