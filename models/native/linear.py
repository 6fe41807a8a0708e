"""The C++ text of what is not elementwise: running sums, triangular systems, factors."""

from collections.abc import Iterator

from models.native.operations import number
from models.native.statements import Cholesky, Scan, Solve
from models.native.sums import combined
from models.native.texts import Scope, Texts, affine, vector

_FIRST = {"sum": 0.0, "prod": 1.0, "logaddexp": float("-inf")}


def scan(step: Scan, texts: Texts, scope: Scope) -> Iterator[str]:
    """Yield a running sum along one dimension."""
    (read,) = step.reads
    kind, base = vector(step.out), affine(step.strides, scope.names)
    value = texts.load(read, step.out.kind, scope, more=f"{step.step} * k")
    target = texts.at(step.out, f"{base} + {step.target_step} * k")
    yield f"{{ {kind} running = splat<{kind}>({number(_FIRST[step.operation])});"
    yield f"for (int64_t k = 0; k < {step.length}; ++k) {{"
    yield f"running = {combined(step.operation, 'running', value)};"
    yield f"{target} = running; }} }}"


def solve(step: Solve, texts: Texts, scope: Scope) -> Iterator[str]:
    """Yield a substitution, forward or backward, for one column."""
    factor, right = step.reads
    kind, n = vector(step.out), step.order
    row, column, pace = step.rows
    base = affine(step.strides, scope.names)

    def at(index: str) -> str:
        return texts.at(step.out, f"{base} + {step.step} * {index}")

    def entry(more: str) -> str:
        return texts.load(factor, step.out.kind, scope, more=more)

    bounds = f"int64_t k = i + 1; k < {n}" if step.upper else "int64_t k = 0; k < i"
    pivot = "" if step.unit else f" / {entry(f'{row + column} * i')}"
    yield f"for (int64_t r = 0; r < {n}; ++r) {{"
    yield f"const int64_t i = {f'{n - 1} - r' if step.upper else 'r'};"
    yield f"{kind} total = {texts.load(right, step.out.kind, scope, more=f'{pace} * i')};"
    yield f"for ({bounds}; ++k) total -= {entry(f'{row} * i + {column} * k')} * {at('k')};"
    yield f"{at('i')} = total{pivot}; }}"


def cholesky(step: Cholesky, texts: Texts, scope: Scope) -> Iterator[str]:
    """Yield a factorisation, column by column.

    A pivot that is not positive has no root: NaN from there on, and NaN everywhere at last.
    """
    (read,) = step.reads
    kind, n = vector(step.out), step.order
    row, column = step.rows
    base = affine(step.strides, scope.names)

    def at(i: str, j: str) -> str:
        return texts.at(step.out, f"{base} + {n} * {i} + {j}")

    entry = texts.load(read, step.out.kind, scope, more=f"{row} * i + {column} * j")
    yield f"{kind} bad = splat<{kind}>(0);"
    yield f"for (int64_t j = 0; j < {n}; ++j) for (int64_t i = j; i < {n}; ++i) {{"
    yield f"{kind} total = {entry};"
    yield f"for (int64_t k = 0; k < j; ++k) total -= {at('i', 'k')} * {at('j', 'k')};"
    yield "if (i == j) {"
    yield f"total = select<{kind}>(total > 0, vsqrt(total), splat<{kind}>(NAN));"
    yield "bad += total * 0;"
    yield f"}} else total = total / {at('j', 'j')};"
    yield f"{at('i', 'j')} = total; }}"
    yield f"for (int64_t i = 0; i < {n}; ++i) for (int64_t j = 0; j <= i; ++j)"
    yield f"{at('i', 'j')} += bad;"
