"""Loops over the rows of a matrix of data: several rows at a time.

A vector of coefficients, once loaded, serves all rows of a tile. Between the products the other
statements of the loop run row by row; what they hand on lies in arrays with an element a row.
"""

from collections.abc import Iterator

from models.native.schedule import Loop, lane_reads
from models.native.statements import Access, Contract, Spread, Statement
from models.native.steps import Steps
from models.native.sums import Sums
from models.native.texts import Texts, scope_of, vector
from models.native.values import Known, Producer

#: Rows of a tile.
ROWS = 8
_ROW = "(first + t)"


def tiled(statement: Statement) -> bool:
    """Return whether a statement is a product with a matrix of data that has a row a turn."""
    if len(statement.domain) != 1:
        return False
    if isinstance(statement, Spread):
        return not any(statement.strides)
    return isinstance(statement, Contract) and _sides(statement) is not None


def _sides(product: Contract) -> tuple[tuple[Access, int], tuple[Access, int]] | None:
    """Return the matrix and what all of its rows are multiplied with, each with its step."""
    sides = list(zip(product.reads, product.steps, strict=True))
    for (matrix, step), (other, pace) in (sides, sides[::-1]):
        if isinstance(matrix, float) or isinstance(other, float):
            return None
        if isinstance(matrix.source, Known) and isinstance(other.source, Producer):
            return None if any(other.strides) else ((matrix, step), (other, pace))
    return None


def _given(product: Contract) -> tuple[tuple[Access, int], tuple[Access, int]]:
    sides = _sides(product)
    assert sides is not None
    return sides


class Tiles:
    """Writes one such loop.

    Args:
        loop: over one dimension.
        texts: where numbers are.
        sums: its reductions over rows.
    """

    def __init__(self, loop: Loop, texts: Texts, sums: Sums) -> None:
        self._loop, self._texts, self._sums = loop, texts, sums
        self._steps = Steps(texts, sums)

    def lines(self) -> Iterator[str]:
        """Yield the loop: whole tiles, then the rows that are left over."""
        yield from self._sums.begin(0)
        yield from self._factors()
        yield "auto rows = [&](auto tile, int64_t first) __attribute__((always_inline)) {"
        yield "constexpr int T = decltype(tile)::value;"
        for part in _parts(self._loop.statements):
            if isinstance(part, list):
                yield from self._row_by_row(part)
            elif isinstance(part, Contract):
                yield from self._dots(part) if part.pairs else self._contract(part)
            elif isinstance(part, Spread):
                yield from self._spread_pairs(part) if part.pairs else self._spread(part)
        yield "};"
        yield "int64_t row = 0;"
        size = self._loop.sizes[0]
        # A pair of rows is never cut.
        paired = any(isinstance(s, Spread) and s.pairs for s in self._loop.statements)
        for count in (ROWS, 2, 1) if paired else (ROWS, 1):
            tile = f"rows(std::integral_constant<int, {count}>{{}}, row);"
            yield f"for (; row + {count} <= {size}; row += {count}) {tile}"
        yield from self._sums.end(0)

    def _row_by_row(self, part: list[Statement]) -> Iterator[str]:
        elsewhere = _reads_outside(self._loop.statements, part)
        for producer in dict.fromkeys(statement.out for statement in part):
            if producer in elsewhere and self._texts.in_registers(producer):
                count = self._texts.made_in_a_turn(producer)
                yield self._declare(producer, f"[{count}]" if count > 1 else "")
        yield "for (int t = 0; t < T; ++t) { const int64_t i0 = first + t;"
        for statement in part:
            yield from self._steps.lines(statement)
        yield "}"

    def _declare(self, producer: Producer, count: str = "") -> str:
        self._texts.hold(producer, f"{producer.name}_rows[t]")
        return f"{vector(producer)} {producer.name}_rows[T]{count};"

    def _contract(self, product: Contract) -> Iterator[str]:
        (matrix, step), (other, pace) = _given(product)
        out, scope = product.out, scope_of(product).at(_ROW)
        kind = vector(out)
        each = f"for (int t = 0; t < T; ++t) {out.name}_rows[t]"
        yield self._declare(out)
        yield f"{each} = splat<{kind}>(0);"
        yield f"for (int64_t k = 0; k < {product.length}; ++k) {{"
        factor = self._texts.load(other, out.kind, scope, more=f"{pace} * k")
        yield f"const {kind} factor = {factor};"
        yield f"{each} += {self._texts.entry(matrix, scope, f'{step} * k')} * factor; }}"
        yield from self._keep(out)

    def _keep(self, out: Producer) -> Iterator[str]:
        """Store the products of a tile, if they are read elsewhere."""
        if self._texts.stored(out):
            stored = self._texts.at(out, "first + t")
            yield f"for (int t = 0; t < T; ++t) {stored} = {out.name}_rows[t];"

    def _factors(self) -> Iterator[str]:
        """Pack what all rows are multiplied with, two numbers of a vector in one."""
        for product in self._loop.statements:
            if isinstance(product, Contract) and product.pairs:
                (_, _), (other, pace) = _given(product)
                scope, half, odd = scope_of(product), product.length // 2, product.length % 2
                name, kind = f"{product.out.name}_pairs", vector(product.out)
                first, second, last = (
                    self._texts.load(other, product.out.kind, scope, more=f"{pace} * {place}")
                    for place in ("(2 * k)", "(2 * k + 1)", product.length - 1)
                )
                yield f"Pairs<{kind}> {name}[{half + odd}];"
                yield f"for (int64_t k = 0; k < {half}; ++k) {name}[k] = vpairs({first}, {second});"
                if odd:
                    yield f"{name}[{half}] = vpairs({last}, splat<{kind}>(0));"

    def _dots(self, product: Contract) -> Iterator[str]:
        (matrix, step), _ = _given(product)
        out, scope = product.out, scope_of(product).at(_ROW)
        each = f"for (int t = 0; t < T; ++t) {out.name}_rows[t]"
        entry = self._texts.entry(matrix, scope, f"{step} * k")
        yield self._declare(out)
        yield f"{each} = splat<{vector(out)}>(0);"
        yield f"for (int64_t k = 0; k < {(product.length + 1) // 2}; ++k)"
        yield f"{each} = vdot({out.name}_rows[t], {out.name}_pairs[k], {entry});"
        yield from self._keep(out)

    def _spread_pairs(self, spread: Spread) -> Iterator[str]:
        matrix, read = spread.reads
        assert isinstance(matrix, Access)
        kind, scope = vector(spread.out), scope_of(spread)
        target = self._texts.at(spread.out, f"{spread.target_step} * j")
        entry = self._texts.entry(matrix, scope.at("(first / 2 + t)"), f"{spread.step} * j")
        value = self._texts.read(read, spread.out.kind, scope.at(_ROW))
        yield f"{{ {kind} values[T + 1];"
        yield f"for (int t = 0; t < T; ++t) values[t] = {value};"
        yield f"values[T] = splat<{kind}>(0);"
        yield f"constexpr int H = (T + 1) / 2; Pairs<{kind}> pairs[H];"
        yield "for (int t = 0; t < H; ++t) pairs[t] = vpairs(values[2 * t], values[2 * t + 1]);"
        yield f"for (int64_t j = 0; j < {spread.length}; ++j) {{"
        yield f"{kind} total = {target};"
        yield f"for (int t = 0; t < H; ++t) total = vdot(total, pairs[t], {entry});"
        yield f"{target} = total; }} }}"

    def _spread(self, spread: Spread) -> Iterator[str]:
        matrix, read = spread.reads
        assert isinstance(matrix, Access)
        scope = scope_of(spread).at(_ROW)
        target = self._texts.at(spread.out, f"{spread.target_step} * j")
        entry = self._texts.entry(matrix, scope, f"{spread.step} * j")
        value = self._texts.read(read, spread.out.kind, scope)
        yield f"for (int64_t j = 0; j < {spread.length}; ++j) {{"
        yield f"{vector(spread.out)} total = {target};"
        yield f"for (int t = 0; t < T; ++t) total += {entry} * {value};"
        yield f"{target} = total; }}"


def _parts(statements: list[Statement]) -> Iterator[Statement | list[Statement]]:
    """Cut a loop's statements into products, each alone, and runs of everything else."""
    run: list[Statement] = []
    for statement in statements:
        if not tiled(statement):
            run.append(statement)
            continue
        if run:
            yield run
        run = []
        yield statement
    if run:
        yield run


def _reads_outside(statements: list[Statement], part: list[Statement]) -> set[Producer]:
    """Return what statements outside a part read."""
    others = [s for s in statements if all(s is not inside for inside in part)]
    return {producer for s in others for producer, _ in lane_reads(s)}
