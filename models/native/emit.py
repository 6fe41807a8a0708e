"""From scheduled loops to the C++ text of one function.

A loop over rows with a matrix of data in it goes several rows at a time, so that a vector of
coefficients, once loaded, serves all of them; every other loop is plain.
"""

from collections.abc import Iterator
from itertools import pairwise

from models.native.operations import number
from models.native.schedule import Loop, Schedule
from models.native.statements import (
    Access,
    Cholesky,
    Contract,
    Fold,
    Point,
    Scan,
    Solve,
    Spread,
    Statement,
    Store,
)
from models.native.values import Known, Producer, Shape

#: Rows that a vector of coefficients serves at a time.
ROWS = 8
_TYPES = {"real": "R", "double": "F", "bfloat": "R"}
#: Statements whose operands are read once per place.
_PLAIN = (Point, Fold, Store)
_COMBINE = {
    "sum": "{0} + {1}",
    "prod": "{0} * {1}",
    "max": "vmax({0}, {1})",
    "min": "vmin({0}, {1})",
    "logaddexp": "vlogaddexp({0}, {1})",
}


def vector(producer: Producer) -> str:
    """Return the C++ type of a producer's numbers."""
    if producer.kind == "bool":
        return f"Mask<{_TYPES[producer.mask]}>"
    return _TYPES[producer.kind]


class Emitter:
    """Writes one function.

    Args:
        schedule: its loops.
        places: where each stored producer lies, as a C++ expression of a pointer.
        real: the scalar type of the run, `double` or `float`.
    """

    def __init__(self, schedule: Schedule, places: dict[Producer, str], real: str) -> None:
        self._schedule, self._places, self._real = schedule, places, real
        self._registers: dict[Producer, str] = {}
        self._hoisted: dict[tuple[Producer | Known, int], str] = {}
        self._tile = False

    def text(self) -> Iterator[str]:
        """Yield the lines of the body."""
        for producer in self._schedule.stored:
            if producer.initial is not None:
                fill = f"splat<{vector(producer)}>({number(producer.initial)})"
                yield f"for (int64_t i = 0; i < {producer.size}; ++i) {self._at(producer)}[i] = {fill};"
        for loop in self._schedule.loops:
            yield "{"
            yield from self._loop(loop)
            yield "}"

    def _loop(self, loop: Loop) -> Iterator[str]:
        self._registers = {}
        self._hoisted = {}
        written = {s.out for s in loop.statements}
        for statement in loop.statements:
            for read in statement.reads:
                yield from self._hoist(read, written, statement)
        self._tile = len(loop.domain) == 1 and any(_tiled(s) for s in loop.statements)
        folds = [s for s in loop.statements if isinstance(s, Fold)]
        depths = {s: _depth(s) for s in folds}
        if self._tile:
            depths = {s: depth if depth == 0 else None for s, depth in depths.items()}
            yield from self._rows(loop, depths)
        else:
            yield from self._nest(loop, depths, 0)

    def _hoist(
        self, read: Access | float, written: set[Producer], statement: Statement
    ) -> Iterator[str]:
        """Load what does not change in a loop before it: the compiler must suspect every store."""
        if not isinstance(read, Access) or any(read.strides) or read.tables or not read.strides:
            return
        key = (read.source, read.offset)
        if key in self._hoisted or read.source in written or not isinstance(statement, _PLAIN):
            return
        name = f"same_{len(self._hoisted)}"
        if isinstance(read.source, Known):
            yield f"const auto {name} = a{read.source.index}[{read.offset}];"
        else:
            yield f"const {vector(read.source)} {name} = {self._at(read.source)}[{read.offset}];"
        self._hoisted[key] = name

    def _initial(self, fold: Fold) -> str:
        return f"splat<{vector(fold.out)}>({number(fold.out.initial or 0.0)})"

    def _nest(self, loop: Loop, depths: dict[Fold, int | None], depth: int) -> Iterator[str]:
        """Open the loop of a dimension, and so on inward."""
        here = [s for s, d in depths.items() if d == depth]
        for fold in here:
            yield f"{vector(fold.out)} sum_{fold.out.name} = {self._initial(fold)};"
        if depth == len(loop.domain):
            yield from self._body(loop.statements, depths)
        else:
            size = loop.domain[depth]
            yield f"for (int64_t i{depth} = 0; i{depth} < {size}; ++i{depth}) {{"
            yield from self._nest(loop, depths, depth + 1)
            yield "}"
        for fold in here:
            target = self._address(fold.strides, 0, depth)
            yield f"{self._at(fold.out)}[{target}] = sum_{fold.out.name};"

    def _rows(self, loop: Loop, depths: dict[Fold, int | None]) -> Iterator[str]:
        size = loop.domain[0]
        for fold, depth in depths.items():
            if depth == 0:
                yield f"{vector(fold.out)} sum_{fold.out.name} = {self._initial(fold)};"
        yield "auto rows = [&](auto tile, int64_t first) __attribute__((always_inline)) {"
        yield "constexpr int T = decltype(tile)::value;"
        for products, part in _segments(loop.statements):
            if products is not None:
                yield from self._product(products)
            else:
                crossing = {s.out for s in part if isinstance(s, Point)}
                for producer in crossing & _read_elsewhere(loop.statements, part):
                    yield f"{vector(producer)} {producer.name}_rows[T];"
                    self._registers[producer] = f"{producer.name}_rows[t]"
                yield "for (int t = 0; t < T; ++t) { const int64_t i0 = first + t;"
                yield from self._body(part, depths)
                yield "}"
        yield "};"
        yield "int64_t row = 0;"
        yield f"for (; row + {ROWS} <= {size}; row += {ROWS}) rows(std::integral_constant<int, {ROWS}>{{}}, row);"
        yield f"for (; row < {size}; ++row) rows(std::integral_constant<int, 1>{{}}, row);"
        for fold, depth in depths.items():
            if depth == 0:
                yield f"{self._at(fold.out)}[0] = sum_{fold.out.name};"

    def _product(self, statement: Statement) -> Iterator[str]:
        """A product with a matrix of data, for a tile of rows."""
        if isinstance(statement, Contract):
            matrix, other = statement.reads
            out, (step, pace) = statement.out, statement.steps
            if not isinstance(matrix.source, Known):  # type: ignore[union-attr]
                matrix, other, step, pace = other, matrix, pace, step
            assert isinstance(matrix, Access)
            assert isinstance(other, Access)
            kind = vector(out)
            yield f"{kind} {out.name}_rows[T];"
            self._registers[out] = f"{out.name}_rows[t]"
            yield f"for (int t = 0; t < T; ++t) {out.name}_rows[t] = splat<{kind}>(0);"
            yield f"for (int64_t k = 0; k < {statement.length}; ++k) {{"
            factor = self._load(other, f"{pace} * k", "real")
            yield f"const {kind} factor = {factor};"
            entry = self._scalar(matrix, f"{step} * k", place="(first + t)")
            yield f"for (int t = 0; t < T; ++t) {out.name}_rows[t] += {entry} * factor; }}"
            if out in self._places:
                yield f"for (int t = 0; t < T; ++t) {self._at(out)}[first + t] = {out.name}_rows[t];"
            return
        assert isinstance(statement, Spread)
        matrix, read = statement.reads
        assert isinstance(matrix, Access)
        assert isinstance(read, Access)
        out = statement.out
        yield f"for (int64_t j = 0; j < {statement.length}; ++j) {{"
        target = f"{self._at(out)}[{statement.target_step} * j]"
        entry = self._scalar(matrix, f"{statement.step} * j", place="(first + t)")
        value = self._read(read, "real", place="(first + t)")
        yield f"{vector(out)} total = {target};"
        yield f"for (int t = 0; t < T; ++t) total += {entry} * {value};"
        yield f"{target} = total; }}"

    def _body(self, statements: list[Statement], depths: dict[Fold, int | None]) -> Iterator[str]:
        for statement in statements:
            yield from self._statement(statement, depths)

    def _statement(self, statement: Statement, depths: dict[Fold, int | None]) -> Iterator[str]:
        if isinstance(statement, Point):
            yield from self._point(statement)
        elif isinstance(statement, Fold):
            yield from self._fold(statement, depths[statement])
        elif isinstance(statement, Store):
            yield from self._store(statement)
        elif isinstance(statement, Contract):
            yield from self._contract(statement)
        elif isinstance(statement, Spread):
            yield from self._spread(statement)
        elif isinstance(statement, Scan):
            yield from self._scan(statement)
        elif isinstance(statement, Solve):
            yield from self._solve(statement)
        elif isinstance(statement, Cholesky):
            yield from self._cholesky(statement)

    def _point(self, point: Point) -> Iterator[str]:
        name, kind = point.out.name, _TYPES[point.compute]
        reads = [
            self._read(r, w, point.compute) for r, w in zip(point.reads, point.wants, strict=True)
        ]
        text = point.template(*reads).replace("<V>", f"<{kind}>")
        if point.out.kind in ("real", "double") and _TYPES[point.out.kind] != kind:
            text = f"cast<{_TYPES[point.out.kind]}>({text})"
        if point.where is not None:
            text = f"({point.where}) ? {text} : splat<{vector(point.out)}>(0)"
        held = self._registers.get(point.out)
        if held is None:
            held = self._registers[point.out] = f"{name}_here"
            yield f"const {vector(point.out)} {held} = {text};"
        else:
            yield f"{held} = {text};"
        if point.out in self._places:
            yield f"{self._at(point.out)}[{self._row_major(point.domain)}] = {held};"

    def _fold(self, fold: Fold, depth: int | None) -> Iterator[str]:
        (read,) = fold.reads
        target = f"sum_{fold.out.name}"
        if depth is None:
            target = f"{self._at(fold.out)}[{self._address(fold.strides, 0)}]"
        value = self._read(read, fold.out.kind)
        yield f"{target} = {_COMBINE[fold.operation].format(target, value)};"

    def _store(self, store: Store) -> Iterator[str]:
        (read,) = store.reads
        place = self._address(store.target.strides, store.target.offset) + self._tables(
            store.target
        )
        want = store.out.kind if store.out.kind in ("real", "double") else "real"
        sign = "+=" if store.accumulate else "="
        yield f"{self._at(store.out)}[{place}] {sign} {self._read(read, want)};"

    def _contract(self, statement: Contract) -> Iterator[str]:
        kind, name = vector(statement.out), f"{statement.out.name}_here"
        factors = [
            self._load(read, f"{step} * k", "real")  # type: ignore[arg-type]
            for read, step in zip(statement.reads, statement.steps, strict=True)
        ]
        yield f"{kind} {name} = splat<{kind}>(0);"
        yield f"for (int64_t k = 0; k < {statement.length}; ++k) {name} += {factors[0]} * {factors[1]};"
        self._registers[statement.out] = name
        if statement.out in self._places:
            yield f"{self._at(statement.out)}[{self._row_major(statement.domain)}] = {name};"

    def _spread(self, statement: Spread) -> Iterator[str]:
        matrix, read = statement.reads
        assert isinstance(matrix, Access)
        value, out = self._read(read, "real"), statement.out
        base = self._address(statement.strides, 0)
        entry = self._scalar(matrix, f"{statement.step} * j")
        yield f"{{ const {vector(out)} value = {value};"
        yield f"for (int64_t j = 0; j < {statement.length}; ++j)"
        yield f"{self._at(out)}[{base} + {statement.target_step} * j] += {entry} * value; }}"

    def _scan(self, scan: Scan) -> Iterator[str]:
        (read,) = scan.reads
        assert isinstance(read, Access)
        kind = vector(scan.out)
        first = {"sum": "0", "prod": "1", "logaddexp": "-INFINITY"}[scan.operation]
        base = self._address(scan.strides, 0)
        value = self._load(read, f"{scan.step} * k", scan.out.kind)
        yield f"{{ {kind} running = splat<{kind}>({first});"
        yield f"for (int64_t k = 0; k < {scan.length}; ++k) {{"
        yield f"running = {_COMBINE[scan.operation].format('running', value)};"
        yield f"{self._at(scan.out)}[{base} + {scan.target_step} * k] = running; }} }}"

    def _solve(self, solve: Solve) -> Iterator[str]:
        a, b = solve.reads
        assert isinstance(a, Access)
        assert isinstance(b, Access)
        kind, n = vector(solve.out), solve.order
        row, column, pace = solve.rows
        base = self._address(solve.strides, 0)
        at = f"{self._at(solve.out)}[{base} + {solve.step} * "
        order = f"{n - 1} - r" if solve.upper else "r"
        yield f"for (int64_t r = 0; r < {n}; ++r) {{ const int64_t i = {order};"
        yield f"{kind} total = {self._load(b, f'{pace} * i', solve.out.kind)};"
        bounds = f"int64_t k = i + 1; k < {n}" if solve.upper else "int64_t k = 0; k < i"
        entry = self._load(a, f"{row} * i + {column} * k", solve.out.kind)
        yield f"for ({bounds}; ++k) total -= {entry} * {at}k];"
        pivot = self._load(a, f"{row + column} * i", solve.out.kind)
        yield f"{at}i] = {'total' if solve.unit else f'total / {pivot}'}; }}"

    def _cholesky(self, step: Cholesky) -> Iterator[str]:
        (read,) = step.reads
        assert isinstance(read, Access)
        kind, n = vector(step.out), step.order
        row, column = step.rows
        at = f"{self._at(step.out)}[{self._address(step.strides, 0)} + "
        # A pivot that is not positive has no root: NaN from there on, and NaN everywhere at last.
        yield f"{kind} bad = splat<{kind}>(0);"
        yield f"for (int64_t j = 0; j < {n}; ++j) for (int64_t i = j; i < {n}; ++i) {{"
        entry = self._load(read, f"{row} * i + {column} * j", step.out.kind)
        yield f"{kind} total = {entry};"
        yield f"for (int64_t k = 0; k < j; ++k) total -= {at}{n} * i + k] * {at}{n} * j + k];"
        yield f"if (i == j) {{ total = select<{kind}>(total > 0, vsqrt(total), splat<{kind}>(NAN)); bad += total * 0; }}"
        yield f"else total = total / {at}{n + 1} * j];"
        yield f"{at}{n} * i + j] = total; }}"
        yield f"for (int64_t i = 0; i < {n}; ++i) for (int64_t j = 0; j <= i; ++j) {at}{n} * i + j] += bad;"

    # Texts of operands and addresses.

    def _read(
        self, read: Access | float, want: str, compute: str = "real", place: str | None = None
    ) -> str:
        if isinstance(read, float):
            return self._literal(read, want, compute)
        held = self._registers.get(read.source) if isinstance(read.source, Producer) else None  # type: ignore[arg-type]
        if held is not None and isinstance(read.source, Producer):
            return _coerce(held, read.source.kind, read.source.mask, want, compute)
        return self._load(read, "", want, compute, place)

    def _literal(self, value: float, want: str, compute: str) -> str:
        if want == "mask":
            return f"(Mask<{_TYPES[compute]}>{{}} - {int(value != 0)})"
        return f"splat<{_TYPES[want]}>({number(value)})"

    def _load(
        self,
        read: Access | float,
        more: str,
        want: str,
        compute: str = "real",
        place: str | None = None,
    ) -> str:
        if isinstance(read, float):
            return self._literal(read, want, compute)
        same = None if more or any(read.strides) else self._hoisted.get((read.source, read.offset))
        if isinstance(read.source, Known):
            text = same or self._scalar(read, more, place)
            if want == "mask":
                return f"(Mask<{_TYPES[compute]}>{{}} - ({text} != 0))"
            return f"splat<{_TYPES[want]}>({text})"
        address = self._address(read.strides, read.offset, place=place) + self._tables(read)
        if more:
            address = f"{address} + {more}"
        held = same or f"{self._at(read.source)}[{address}]"
        return _coerce(held, read.source.kind, read.source.mask, want, compute)

    def _scalar(self, read: Access, more: str = "", place: str | None = None) -> str:
        """The text of a number of data."""
        assert isinstance(read.source, Known)
        address = self._address(read.strides, read.offset, place=place)
        return f"a{read.source.index}[{f'{address} + {more}' if more else address}]"

    def _at(self, producer: Producer) -> str:
        return self._places[producer]

    def _row_major(self, domain: Shape) -> str:
        text = "0"
        for d, size in enumerate(domain):
            text = f"({text} * {size} + i{d})" if d else f"i{d}"
        return text

    def _address(
        self, strides: Shape, offset: int, depth: int | None = None, place: str | None = None
    ) -> str:
        terms = [str(offset)] if offset else []
        for d, stride in enumerate(strides if depth is None else strides[:depth]):
            if stride:
                index = place if place is not None and d == 0 else f"i{d}"
                terms.append(index if stride == 1 else f"{stride} * {index}")
        return " + ".join(terms) or "0"

    def _tables(self, access: Access) -> str:
        text = ""
        for table in access.tables:
            entry = f"a{table.known.index}[{self._address(table.strides, 0)}]"
            text += f" + {table.stride} * wrapped({entry}, {table.size})"
        return text


def _coerce(text: str, kind: str, mask: str, want: str, compute: str) -> str:
    """Return a text of one type as another."""
    if kind == "bool":
        if want == "mask":
            return text if mask == compute else f"cast<Mask<{_TYPES[compute]}>>({text})"
        inner = f"indicator<{_TYPES[mask]}>({text})"
        return inner if mask == want else f"cast<{_TYPES[want]}>({inner})"
    if want == "mask":
        inner = f"({text} != splat<{_TYPES[kind]}>(0))"
        return (
            inner if _TYPES[kind] == _TYPES[compute] else f"cast<Mask<{_TYPES[compute]}>>({inner})"
        )
    return text if _TYPES[kind] == _TYPES[want] else f"cast<{_TYPES[want]}>({text})"


def _tiled(statement: Statement) -> bool:
    """Return whether a product reads a matrix of data at each row."""
    if isinstance(statement, Spread):
        return (
            (len(statement.domain) == 1
            and statement.strides in ((), (0,)))
            or (len(statement.domain) == 1 and not any(statement.strides))
        )
    if not isinstance(statement, Contract) or len(statement.domain) != 1:
        return False
    known = [r for r in statement.reads if isinstance(r, Access) and isinstance(r.source, Known)]
    others = [
        r for r in statement.reads if isinstance(r, Access) and not isinstance(r.source, Known)
    ]
    return len(known) == 1 and len(others) == 1 and not any(others[0].strides)


def _segments(statements: list[Statement]) -> Iterator[tuple[Statement | None, list[Statement]]]:
    """Cut a loop's statements into products, each alone, and runs of everything else."""
    run: list[Statement] = []
    for statement in statements:
        if _tiled(statement):
            if run:
                yield None, run
            run = []
            yield statement, []
        else:
            run.append(statement)
    if run:
        yield None, run


def _read_elsewhere(statements: list[Statement], part: list[Statement]) -> set[Producer]:
    inside = set(map(id, part))
    return {
        read.source
        for statement in statements
        if id(statement) not in inside
        for read in statement.reads
        if isinstance(read, Access) and isinstance(read.source, Producer)
    }


def _depth(fold: Fold) -> int | None:
    """Return the number of outer dimensions that a reduction keeps; None where it keeps others."""
    kept = [bool(s) for s in fold.strides]
    if any(later and not earlier for earlier, later in pairwise(kept)):
        return None
    return sum(kept)
