"""How steps share the turns of a loop.

A loop goes over all dimensions of its steps' domains; but where all but the largest have few
numbers together, it goes over the largest alone, and each turn does the few. Then a reduction over
the few is done within a turn, as over a mixture's components, and what follows it is too.

What a step makes in a turn lies in registers for the steps after it that read, in the same turn,
nothing else. `spot` is where that is decided, for the schedule and for the text alike.
"""

import itertools
import math
from dataclasses import dataclass

from models.native.statements import Access, Contract, Fold, Point, Statement
from models.native.values import Shape, contiguous

#: Numbers of a step that one turn may do.
FEW = 8


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


def target_strides(statement: Statement) -> Shape:
    """Return the strides over its domain of what a step makes."""
    return statement.strides if isinstance(statement, Fold) else contiguous(statement.domain)


def made_in_turns(statement: Statement) -> bool:
    """Return whether each turn makes numbers of its own, whole, that no other turn touches."""
    if not isinstance(statement, Point | Contract | Fold):
        return False
    strides = target_strides(statement)
    return all(strides[d] for d in frame_of(statement.domain).outer)


def made_in_a_turn(statement: Statement) -> int:
    """Return how many numbers a step makes in each turn."""
    return statement.out.size // math.prod(frame_of(statement.domain).sizes)


def spot(access: Access, domain: Shape, maker: Statement) -> Spot | None:
    """Return where a read over a domain finds what `maker` made in the same turn, None if nowhere.

    Every number that it reads in a turn must be one of those. They belong to the turn that the
    maker's strides along the loop's dimensions say; within a turn they are counted in order.
    """
    frame, made = frame_of(domain), frame_of(maker.domain)
    if frame.sizes != made.sizes or 0 in frame.sizes or access.tables:
        return None
    if not made_in_turns(maker):
        return None
    steps = tuple(target_strides(maker)[d] for d in made.outer)
    if tuple(access.strides[d] for d in frame.outer) != steps:
        return None
    if not steps or len(steps) > 1:
        return Spot(0, ()) if not access.offset else None
    return _within(access, domain, frame, steps[0])


def _within(access: Access, domain: Shape, frame: Frame, step: int) -> Spot | None:
    """Split each address into whole rounds of the loop's dimension, turn, and rest below a turn."""
    around = frame.sizes[0] * step

    def local(address: int) -> int | None:
        if address < 0 or address // step % frame.sizes[0]:
            return None
        return address // around * step + address % step

    first = local(access.offset)
    if first is None:
        return None
    strides = []
    for d in frame.inner:
        second = local(access.offset + access.strides[d])
        if second is None:
            return None
        strides.append(second - first)
    for place in itertools.product(*(range(domain[d]) for d in frame.inner)):
        moved = sum(access.strides[d] * n for d, n in zip(frame.inner, place, strict=True))
        inside = sum(s * n for s, n in zip(strides, place, strict=True))
        if local(access.offset + moved) != first + inside:
            return None
    return Spot(first, tuple(strides))
