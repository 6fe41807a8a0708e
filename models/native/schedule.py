"""Which statements share a loop, and in which order the loops run.

A statement joins the loop of an operand's maker when it reads in each turn what the maker has just
made in that turn: the number stays in a register. Otherwise it comes at a later level. Statements
of one level and equal loops make one loop, in the order in which they were lowered.

Why nothing is read before it is written. A level is at least that of every writer of every array
that is read, and one more where the read is not of the same turn (`_after`). Within a loop, the
order of lowering puts a maker before its readers. A statement that is moved to a later level
(`_sink`) never passes a reader: it comes to no level above the lowest that its readers allow, by
the same rule; and its own operands were made at or before its old level. A buffer has all its
writes before any read, because a rule ends its writes before it returns the array; writes that
must follow each other say so (`Store.after`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.native.frames import Spot, frame_of, spot
from models.native.statements import Access, Contract, Fold, Point, Spread, Statement, Store
from models.native.values import Producer, Shape

#: Makers by what they make.
Makers = dict[Producer, list[Statement]]
Levels = dict[Statement, int]
#: Statements whose operands are read once per place.
PLAIN = (Point, Fold, Store, Spread)


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


def found(producer: Producer, read: Access, reader: Statement, makers: Makers) -> Spot | None:
    """Return where a read finds its number in the turn that makes it; None where it does not."""
    made_by = makers.get(producer, [])
    if len(made_by) != 1 or not isinstance(reader, PLAIN):
        return None
    return spot(read, reader.domain, made_by[0])


def schedule(statements: list[Statement], outputs: list[Producer]) -> Schedule:
    """Order statements into loops."""
    makers: Makers = defaultdict(list)
    level: Levels = {}
    for statement in statements:
        after = [level[s] + 1 for s in statement.after] if isinstance(statement, Store) else []
        reads = [_after(*read, statement, makers, level) for read in lane_reads(statement)]
        level[statement] = max([0, *after, *reads])
        makers[statement.out].append(statement)
    _sink(statements, makers, level)
    loops: dict[tuple[int, Shape], Loop] = {}
    stored = set(outputs)
    for statement in statements:
        sizes = frame_of(statement.domain).sizes
        loop = loops.setdefault((level[statement], sizes), Loop(sizes))
        loop.statements.append(statement)
        if not isinstance(statement, Point | Contract | Fold):
            stored.add(statement.out)
        for producer, read in lane_reads(statement):
            if not _together(producer, read, statement, makers, level):
                stored.add(producer)
    order = sorted(loops, key=lambda key: (key[0], len(key[1]), key[1]))
    made = [p for p in makers if p in stored]
    return Schedule([loops[key] for key in order], made, makers)


def _together(
    producer: Producer, read: Access, reader: Statement, makers: Makers, level: Levels
) -> bool:
    """Return whether a read is of the same turn of the same loop."""
    if found(producer, read, reader, makers) is None:
        return False
    return level[makers[producer][0]] == level[reader]


def _after(
    producer: Producer, read: Access, reader: Statement, makers: Makers, level: Levels
) -> int:
    """Return the first level at which a read finds everything written."""
    step = 0 if found(producer, read, reader, makers) else 1
    return max((level[maker] + step for maker in makers.get(producer, [])), default=0)


def _sink(statements: list[Statement], makers: Makers, level: Levels) -> None:
    """Move what is computed too early into the loop that uses it: it stays in a register."""
    readers: defaultdict[Producer, list[tuple[Access, Statement]]] = defaultdict(list)
    for statement in statements:
        for producer, read in lane_reads(statement):
            readers[producer].append((read, statement))
    for statement in reversed(statements):
        if not isinstance(statement, Point | Contract | Fold) or not readers[statement.out]:
            continue
        uses = [
            (level[reader], found(statement.out, read, reader, makers) is not None)
            for read, reader in readers[statement.out]
        ]
        latest = min(at - (not joined) for at, joined in uses)
        if (latest, True) in uses:
            level[statement] = max(level[statement], latest)
