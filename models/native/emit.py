"""From scheduled loops to the C++ text of one function."""

from collections.abc import Iterator

from models.native.frames import PLAIN
from models.native.schedule import Loop, Schedule
from models.native.statements import Access, Statement
from models.native.steps import Steps
from models.native.sums import Sums, filled_before
from models.native.texts import Texts, filled
from models.native.tiles import Tiles, tiled
from models.native.values import Producer


def body(schedule: Schedule, places: dict[Producer, str]) -> Iterator[str]:
    """Yield the lines of a function's body.

    Args:
        schedule: its loops.
        places: where each stored producer lies, as a C++ expression of a pointer.
    """
    texts = Texts(places, schedule.makers)
    for producer in schedule.stored:
        if producer.initial is not None and filled_before(schedule.makers.of(producer)):
            first = f"{texts.at(producer, 'i')} = {filled(producer)};"
            yield f"for (int64_t i = 0; i < {producer.size}; ++i) {first}"
    for loop in schedule.loops:
        if 0 not in loop.sizes:
            yield "{"
            yield from _loop(loop, texts)
            yield "}"


def _loop(loop: Loop, texts: Texts) -> Iterator[str]:
    texts.forget()
    yield from _constants(loop.statements, texts)
    tile = len(loop.sizes) == 1 and any(tiled(s) for s in loop.statements)
    sums = Sums(loop.statements, texts, deepest=0 if tile else len(loop.sizes))
    if tile:
        yield from Tiles(loop, texts, sums).lines()
    else:
        yield from _nest(loop, Steps(texts, sums), sums, 0)


def _constants(statements: list[Statement], texts: Texts) -> Iterator[str]:
    """Load what the loop neither changes nor moves along."""
    written = {s.out for s in statements}
    for statement in statements:
        for read in statement.reads if isinstance(statement, PLAIN) else ():
            if not isinstance(read, Access) or not read.strides or any(read.strides):
                continue
            if not read.tables and read.source not in written:
                line = texts.load_before(read)
                if line is not None:
                    yield line


def _nest(loop: Loop, steps: Steps, sums: Sums, depth: int) -> Iterator[str]:
    """Open the loop of a dimension, and so on inward."""
    yield from sums.begin(depth)
    if depth == len(loop.sizes):
        for statement in loop.statements:
            yield from steps.lines(statement)
    else:
        name, size = f"i{depth}", loop.sizes[depth]
        yield f"for (int64_t {name} = 0; {name} < {size}; ++{name}) {{"
        yield from _nest(loop, steps, sums, depth + 1)
        yield "}"
    yield from sums.end(depth)
