"""Which statements share a loop, and in which order the loops run.

A statement joins the loop of an operand's makers when it reads in each turn what they have just
made in that turn: the number stays in a register. Otherwise it comes at a later level. Statements
of one level and equal loops make one loop, in the order in which they were lowered.

Why nothing is read before it is written. A level is at least that of every maker of every array
that is read, and one more where the read is not of the same turn (`_after`). Within a loop, the
order of lowering puts a maker before its readers, and the same holds for writes that must follow
each other (`Store.after`): they share a level only where each turn writes numbers of its own. A
statement that is moved to a later level (`_sink`) never passes a reader: it comes to no level above
the lowest that its readers allow, by the same rule; all writes of an array have the same readers
and move together; and its own operands were made at or before its old level. An array has all its
writes before any read, because a rule ends its writes before it returns the array.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.native.frames import Makers, frame_of
from models.native.statements import Access, Statement, Store
from models.native.values import Producer, Shape

Levels = dict[Statement, int]


@dataclass
class Loop:
    """Statements that share turns, in order."""

    #: Of the loop's dimensions.
    sizes: Shape
    statements: list[Statement] = field(default_factory=list)


@dataclass
class Schedule:
    """Loops in order, and the producers that need memory."""

    loops: list[Loop]
    stored: list[Producer]
    makers: Makers


def needed(statements: list[Statement], outputs: list[Producer]) -> list[Statement]:
    """Return the statements that the outputs depend on."""
    wanted, kept = set(outputs), []
    for statement in reversed(statements):
        if statement.out in wanted:
            kept.append(statement)
            wanted.update(producer for producer, _ in lane_reads(statement))
    return kept[::-1]


def lane_reads(statement: Statement) -> Iterator[tuple[Producer, Access]]:
    """Yield what a statement reads of other statements' results."""
    for read in statement.reads:
        if isinstance(read, Access) and isinstance(read.source, Producer):
            yield read.source, read


def schedule(statements: list[Statement], outputs: list[Producer]) -> Schedule:
    """Order statements into loops."""
    makers = Makers(statements)
    level: Levels = {}
    for statement in statements:
        reads = [_after(*read, statement, makers, level) for read in lane_reads(statement)]
        level[statement] = max([0, *_following(statement, makers, level), *reads])
    _sink(statements, makers, level)
    loops: dict[tuple[int, Shape], Loop] = {}
    stored = set(outputs)
    for statement in statements:
        sizes = frame_of(statement.domain).sizes
        loop = loops.setdefault((level[statement], sizes), Loop(sizes))
        loop.statements.append(statement)
        if makers.turns(statement.out) is None:
            stored.add(statement.out)
        for producer, read in lane_reads(statement):
            if not _together(producer, read, statement, makers, level):
                stored.add(producer)
    order = sorted(loops, key=lambda key: (key[0], len(key[1]), key[1]))
    made = [p for p in makers.producers if p in stored]
    return Schedule([loops[key] for key in order], made, makers)


def _together(
    producer: Producer, read: Access, reader: Statement, makers: Makers, level: Levels
) -> bool:
    """Return whether a read is of the same turn of the same loop."""
    if makers.found(producer, read, reader) is None:
        return False
    return all(level[maker] == level[reader] for maker in makers.of(producer))


def _after(
    producer: Producer, read: Access, reader: Statement, makers: Makers, level: Levels
) -> int:
    """Return the first level at which a read finds everything written."""
    step = 0 if makers.found(producer, read, reader) else 1
    return max((level[maker] + step for maker in makers.of(producer)), default=0)


def _following(statement: Statement, makers: Makers, level: Levels) -> Iterator[int]:
    """Yield the first levels at which a write finds those done that must come before it."""
    step = 0 if makers.turns(statement.out) else 1
    for before in statement.after if isinstance(statement, Store) else ():
        yield level[before] + step


def _sink(statements: list[Statement], makers: Makers, level: Levels) -> None:
    """Move what is computed too early into the loop that uses it: it stays in a register."""
    readers: defaultdict[Producer, list[tuple[Access, Statement]]] = defaultdict(list)
    for statement in statements:
        for producer, read in lane_reads(statement):
            readers[producer].append((read, statement))
    for statement in reversed(statements):
        if makers.turns(statement.out) is None or not readers[statement.out]:
            continue
        uses = [
            (level[reader], makers.found(statement.out, read, reader) is not None)
            for read, reader in readers[statement.out]
        ]
        latest = min(at - (not joined) for at, joined in uses)
        if (latest, True) in uses:
            level[statement] = max(level[statement], latest)
