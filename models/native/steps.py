"""The C++ text of what one statement does in a turn of its loop."""

from collections.abc import Iterator, Sequence

from models.native.frames import frame_of, written
from models.native.linear import cholesky, scan, solve
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
from models.native.sums import Sums, combined
from models.native.texts import Scope, Texts, affine, filled, scope_of, type_name, vector


class Steps:
    """Writes statements.

    Args:
        texts: where numbers are.
        sums: where reductions over the loop are.
    """

    def __init__(self, texts: Texts, sums: Sums) -> None:
        self._texts, self._sums = texts, sums

    def lines(self, statement: Statement) -> Iterator[str]:
        """Yield the lines of a statement: for each of its places in a turn."""
        scope = scope_of(statement)
        inner = frame_of(statement.domain).inner
        if self._texts.in_registers(statement.out):
            yield from self._declare(statement)
        yield from _loops(scope, inner)
        yield from self._place(statement, scope)
        yield "}" * len(inner)
        if isinstance(statement, Fold) and self._texts.in_registers(statement.out):
            yield from self._keep(statement, scope)

    def _declare(self, statement: Statement) -> Iterator[str]:
        """Declare what a turn makes, unless the loop holds it for several turns at a time."""
        out, count = statement.out, self._texts.made_in_a_turn(statement.out)
        if not self._texts.begins(statement):
            return
        name = self._texts.held(out)
        if name is None:
            name = f"{out.name}_here"
            self._texts.hold(out, name)
            yield f"{vector(out)} {name}{f'[{count}]' if count > 1 else ''};"
        if out.initial is not None and count > 1:
            yield f"for (auto& each : {name}) each = {filled(out)};"
        elif out.initial is not None:
            yield f"{name} = {filled(out)};"

    def _keep(self, fold: Fold, scope: Scope) -> Iterator[str]:
        """Store what a turn has summed up, if it is read elsewhere."""
        if not self._texts.stored(fold.out):
            return
        inner = [d for d in frame_of(fold.domain).inner if fold.strides[d]]
        yield from _loops(scope, inner)
        target = self._texts.at(fold.out, affine(fold.strides, scope.names))
        yield f"{target} = {self._texts.made(written(fold), scope)};"
        yield "}" * len(inner)

    def _place(self, statement: Statement, scope: Scope) -> Iterator[str]:
        if isinstance(statement, Point):
            yield from self._point(statement, scope)
        elif isinstance(statement, Fold):
            yield from self._fold(statement, scope)
        elif isinstance(statement, Store):
            yield from self._store(statement, scope)
        elif isinstance(statement, Contract):
            yield from self._contract(statement, scope)
        elif isinstance(statement, Spread):
            yield from self._spread(statement, scope)
        elif isinstance(statement, Scan):
            yield from scan(statement, self._texts, scope)
        elif isinstance(statement, Solve):
            yield from solve(statement, self._texts, scope)
        elif isinstance(statement, Cholesky):
            yield from cholesky(statement, self._texts, scope)

    def _point(self, point: Point, scope: Scope) -> Iterator[str]:
        kind = type_name(point.compute)
        operands = zip(point.reads, point.wants, strict=True)
        reads = [self._texts.read(read, want, scope, point.compute) for read, want in operands]
        text = point.template(*reads).replace("<V>", f"<{kind}>")
        if point.out.kind != "bool" and type_name(point.out.kind) != kind:
            text = f"cast<{vector(point.out)}>({text})"
        if point.out.kind == "bfloat":
            text = f"vbfloat({text})"
        if point.where is not None:
            text = f"({point.where(list(scope.names))}) ? {text} : {vector(point.out)}{{}}"
        made = self._texts.made(written(point), scope)
        yield f"{made} = {text};"
        if self._texts.stored(point.out):
            address = affine(written(point).strides, scope.names)
            yield f"{self._texts.at(point.out, address)} = {made};"

    def _fold(self, fold: Fold, scope: Scope) -> Iterator[str]:
        (read,) = fold.reads
        value = self._texts.read(read, fold.out.kind, scope)
        if self._texts.in_registers(fold.out):
            target = self._texts.made(written(fold), scope)
        elif self._sums.held(fold):
            target = self._sums.text(fold, scope)
        else:
            target = self._texts.at(fold.out, affine(fold.strides, scope.names))
        yield f"{target} = {combined(fold.operation, target, value)};"

    def _store(self, store: Store, scope: Scope) -> Iterator[str]:
        (read,) = store.reads
        if store.out.kind == "bool":
            value = self._texts.read(read, "mask", scope, store.out.mask)
        else:
            want = "double" if store.out.kind == "double" else "real"
            value = self._texts.read(read, want, scope)
        if self._texts.in_registers(store.out):
            target = self._texts.made(store.target, scope)
        else:
            target = self._texts.at(store.out, self._texts.address(store.target, scope))
        yield f"{target} {'+=' if store.accumulate else '='} {value};"

    def _contract(self, product: Contract, scope: Scope) -> Iterator[str]:
        kind, made = vector(product.out), self._texts.made(written(product), scope)
        factors = [
            self._texts.load(read, product.out.kind, scope, more=f"{step} * k")
            for read, step in zip(product.reads, product.steps, strict=True)
        ]
        yield f"{{ {kind} total = splat<{kind}>(0);"
        yield f"for (int64_t k = 0; k < {product.length}; ++k)"
        yield f"total += {factors[0]} * {factors[1]};"
        yield f"{made} = total; }}"
        if self._texts.stored(product.out):
            address = affine(written(product).strides, scope.names)
            yield f"{self._texts.at(product.out, address)} = {made};"

    def _spread(self, spread: Spread, scope: Scope) -> Iterator[str]:
        matrix, read = spread.reads
        assert isinstance(matrix, Access)
        base = affine(spread.strides, scope.names)
        target = self._texts.at(spread.out, f"{base} + {spread.target_step} * j")
        entry = self._texts.entry(matrix, scope, f"{spread.step} * j")
        kind = spread.out.kind
        yield f"{{ const {vector(spread.out)} value = {self._texts.read(read, kind, scope)};"
        yield f"for (int64_t j = 0; j < {spread.length}; ++j) {target} += {entry} * value; }}"


def _loops(scope: Scope, dims: Sequence[int]) -> Iterator[str]:
    for d in dims:
        name, size = scope.names[d], scope.statement.domain[d]
        yield f"for (int64_t {name} = 0; {name} < {size}; ++{name}) {{"
