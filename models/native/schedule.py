"""Which statements share a loop, and in which order the loops run.

A statement joins the loop of an operand's producer when it runs over the same places and reads
there what the producer has just made: the number stays in a register. Otherwise it comes at a
later level. Statements of one level and one domain make one loop.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from models.native.statements import (
    Access,
    Contract,
    Fold,
    Point,
    Spread,
    Statement,
    Store,
)
from models.native.values import Producer, Shape, contiguous


@dataclass
class Loop:
    """Statements that run over the same places, in order."""

    domain: Shape
    statements: list[Statement] = field(default_factory=list)


@dataclass
class Schedule:
    """Loops in order, and the producers that need memory."""

    loops: list[Loop]
    stored: list[Producer]


def needed(statements: list[Statement], outputs: list[Producer]) -> list[Statement]:
    """Return the statements that the outputs depend on."""
    wanted, kept = set(outputs), []
    for statement in reversed(statements):
        if statement.out in wanted:
            kept.append(statement)
            wanted.update(read.producer for read in sources(statement))
    return kept[::-1]


@dataclass(frozen=True)
class Use:
    """A read of what another statement makes."""

    producer: Producer
    access: Access


def sources(statement: Statement) -> list[Use]:
    """Return the reads of a statement that are of other statements' results."""
    reads = [read for read in statement.reads if isinstance(read, Access)]
    return [Use(r.source, r) for r in reads if isinstance(r.source, Producer)]


def schedule(statements: list[Statement], outputs: list[Producer]) -> Schedule:
    """Order statements into loops."""
    writers: defaultdict[Producer, list[Statement]] = defaultdict(list)
    level: dict[Statement, int] = {}
    for statement in statements:
        level[statement] = max(
            [0]
            + [_after(read, statement, writers, level) for read in sources(statement)]
            + [level[s] + 1 for s in getattr(statement, "after", ())]
        )
        writers[statement.out].append(statement)
    _sink(statements, writers, level)
    loops: dict[tuple[int, Shape], Loop] = {}
    stored = set(outputs)
    for statement in statements:
        key = (level[statement], statement.domain)
        loops.setdefault(key, Loop(statement.domain)).statements.append(statement)
        if not isinstance(statement, Point | Contract):
            stored.add(statement.out)
        for read in sources(statement):
            if not in_register(read, statement, writers) or (
                level[writers[read.producer][0]] != level[statement]
            ):
                stored.add(read.producer)
    order = sorted(loops, key=lambda key: (key[0], len(key[1]), key[1]))
    made = [p for p in writers if p in stored]
    return Schedule([loops[key] for key in order], made)


def _sink(
    statements: list[Statement],
    writers: dict[Producer, list[Statement]],
    level: dict[Statement, int],
) -> None:
    """Move what is computed too early into the loop that uses it, so that it stays in a register."""
    readers: defaultdict[Producer, list[tuple[Use, Statement]]] = defaultdict(list)
    for statement in statements:
        for read in sources(statement):
            readers[read.producer].append((read, statement))
    for statement in reversed(statements):
        uses = readers[statement.out]
        if not isinstance(statement, Point | Contract) or not uses:
            continue
        joined = [level[user] for read, user in uses if in_register(read, user, writers)]
        latest = min(level[user] - (not in_register(read, user, writers)) for read, user in uses)
        if joined and latest == min(joined):
            level[statement] = max(level[statement], latest)


def _after(
    read: Use,
    statement: Statement,
    writers: dict[Producer, list[Statement]],
    level: dict[Statement, int],
) -> int:
    made_by = writers.get(read.producer, [])
    if not made_by:
        return 0
    step = 0 if in_register(read, statement, writers) else 1
    return max(level[w] for w in made_by) + step


def in_register(read: Use, statement: Statement, writers: dict[Producer, list[Statement]]) -> bool:
    """Return whether a read finds its number in the loop that makes it."""
    made_by = writers.get(read.producer, [])
    return (
        isinstance(statement, Point | Fold | Store | Spread)
        and len(made_by) == 1
        and isinstance(made_by[0], Point | Contract)
        and made_by[0].domain == statement.domain
        and not read.access.offset
        and not read.access.tables
        and read.access.strides == contiguous(statement.domain)
    )
