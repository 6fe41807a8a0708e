"""The C++ text of a model's density: functions of a block of chains.

The text depends on the graph and on the shapes and dtypes of the data, never on their numbers, so
one compiled artefact serves every data set of the same shapes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.fx import GraphModule

from models.native.emit import body
from models.native.schedule import Schedule, needed, schedule
from models.native.statements import Access, Statement, Store, Table
from models.native.texts import vector
from models.native.values import Known, Producer, whole
from models.native.walk import Lowered, lower

HEADERS = Path(__file__).parent
_SCALARS = {
    torch.float64: "double",
    torch.float32: "float",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.bool: "bool",
}
_ALIGN = 64


@dataclass(frozen=True)
class Function:
    """A function of a block: its name, its graph, and its outputs' C++ element types."""

    name: str
    graph: GraphModule
    #: `double` or `real`, one per output.
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """Indices that an array holds: in bounds if from `-size` on and below `size`."""

    array: int
    size: int


@dataclass(frozen=True)
class Source:
    """A translation unit, and the arrays that its functions read, in order."""

    text: str
    arrays: tuple[Known, ...]
    #: By array, the number of the function that it is for.
    owners: tuple[int, ...]
    #: What the arrays must be checked for: compiled code does not look.
    indices: tuple[Index, ...]
    #: Steps in all: what compile time and the cost of a call grow with.
    statements: int
    #: The numbers of the arrays that are read, where some are not; the others need not be made.
    used: frozenset[int] | None = None


@dataclass(frozen=True)
class _Part:
    """One function's text, the bytes of scratch that it needs, and what it was made from."""

    text: str
    scratch: int
    statements: list[Statement]


def functions(graphs: Sequence[Function], dtype: torch.dtype, pairs: bool = False) -> Source:
    """Lower functions of `z`: `D` to C++: `name(arrays, position, output0, ..., scratch)`.

    Args:
        graphs: cut by `partition`.
        dtype: of the run, float64 or float32.
        pairs: whether the processor multiplies pairs of numbers in bf16 at once.

    Raises:
        UnsupportedError: an operation has no rule.
    """
    knowns: list[Known] = []
    owners: list[int] = []
    parts = []
    for number, function in enumerate(graphs):
        parts.append(_part(function, dtype, knowns, pairs))
        owners += [number] * (len(knowns) - len(owners))
    steps = [s for part in parts for s in part.statements]
    scratch = max([_ALIGN, *(part.scratch for part in parts)])
    lines = [
        f"#define CREDENCE_REAL {_SCALARS[dtype]}",
        '#include "blocks.h"',
        *(part.text for part in parts),
        'extern "C" {',
        "int64_t credence_lanes() { return W; }",
        f"int64_t credence_scratch() {{ return {scratch}; }}",
        "}",
    ]
    indices = dict.fromkeys(Index(t.known.index, t.size) for s in steps for t in _tables(s))
    used = frozenset(known.index for step in steps for known in _arrays(step))
    text = "\n".join(lines) + "\n"
    return Source(text, tuple(knowns), tuple(owners), tuple(indices), len(steps), used)


def generate(
    graphs: Sequence[Function], dim: int, width: int, dtype: torch.dtype, pairs: bool = False
) -> Source:
    """Lower a density's functions, and add those that go through rows of points.

    Args:
        graphs: `both` (log density and gradient), `force` (gradient) and `values` (everything
            that is reported, one after another).
        dim: `D`.
        width: how many numbers `values` returns.
        dtype: of the run.
        pairs: whether the processor multiplies pairs of numbers in bf16 at once.

    Raises:
        UnsupportedError: an operation has no rule.
    """
    source = functions(graphs, dtype, pairs)
    text = source.text + _rows(dim, width)
    return replace(source, text=text)


def _part(function: Function, dtype: torch.dtype, knowns: list[Known], pairs: bool) -> _Part:
    lowered = lower(function.graph, dtype, knowns, f"{function.name}_", pairs)
    outs = _outputs(lowered, function.kinds, dtype)
    steps = needed(lowered.statements, outs)
    plan = schedule(steps, outs)
    offsets, scratch = _offsets(plan, outs, dtype)
    places = {p: f"p_{p.name}" for p in (*outs, *offsets)}
    places[lowered.input] = "z"
    used = sorted({known.index for step in steps for known in _arrays(step)})
    lines = [
        *_opening(function.name, outs),
        *(_array(knowns[index]) for index in used),
        *(
            f"{vector(p)}* p_{p.name} = ({vector(p)}*)(memory + {offset});"
            for p, offset in offsets.items()
        ),
        *body(plan, places),
        "}",
    ]
    return _Part("\n".join(lines), scratch, steps)


def _outputs(lowered: Lowered, kinds: Sequence[str], dtype: torch.dtype) -> list[Producer]:
    """Add the writes of a function's results to where its caller wants them."""
    outs = []
    for number, (value, kind) in enumerate(zip(lowered.outputs, kinds, strict=True)):
        kind = "real" if kind == "double" and dtype == torch.float64 else kind
        out = Producer(f"out{number}", tuple(getattr(value, "shape", ())), kind)
        lowered.low.store(whole(out), value)
        outs.append(out)
    return outs


def _opening(name: str, outs: Sequence[Producer]) -> Iterator[str]:
    outputs = "".join(f", void* output{n}" for n in range(len(outs)))
    yield f'extern "C" void {name}(const void* const* arrays, const void* position'
    yield f"{outputs}, void* scratch) {{"
    yield "const R* __restrict z = (const R*)position;"
    yield "char* __restrict memory = (char*)scratch;"
    for number, out in enumerate(outs):
        yield f"{vector(out)}* __restrict p_{out.name} = ({vector(out)}*)output{number};"


def _array(known: Known) -> str:
    scalar, name = _SCALARS[known.tensor.dtype], f"a{known.index}"
    return f"const {scalar}* __restrict {name} = (const {scalar}*)arrays[{known.index}];"


def _tables(statement: Statement) -> Iterator[Table]:
    targets = [statement.target] if isinstance(statement, Store) else []
    for access in [*statement.reads, *targets]:
        if isinstance(access, Access):
            yield from access.tables


def _arrays(statement: Statement) -> Iterator[Known]:
    for read in statement.reads:
        if isinstance(read, Access) and isinstance(read.source, Known):
            yield read.source
    for table in _tables(statement):
        yield table.known


def _offsets(
    plan: Schedule, outs: Sequence[Producer], dtype: torch.dtype
) -> tuple[dict[Producer, int], int]:
    """Return where in scratch each producer lies, and the bytes of all."""
    offsets, end = {}, 0
    for producer in plan.stored:
        if producer not in outs:
            offsets[producer] = end
            end += producer.size * _bytes(producer, dtype)
    return offsets, end


def _bytes(producer: Producer, dtype: torch.dtype) -> int:
    """Bytes of one vector: 64, or 128 of doubles beside floats."""
    kind = producer.mask if producer.kind == "bool" else producer.kind
    return 2 * _ALIGN if kind == "double" and dtype == torch.float32 else _ALIGN


def _rows(dim: int, width: int) -> str:
    more = (2 * dim + width + 2) * _ALIGN
    return f"""extern "C" {{
// Of the two functions below.
int64_t credence_row_scratch() {{ return credence_scratch() + {more}; }}
int64_t credence_width() {{ return {width}; }}
void credence_evaluate(const void* const* arrays, int64_t count, const void* z, void* log_density,
                       void* gradient, void* scratch) {{
  evaluate_rows(both, arrays, {dim}, count, (const real*)z, (double*)log_density,
                (real*)gradient, (char*)scratch);
}}
void credence_values(const void* const* arrays, int64_t count, const void* z, void* out,
                     void* scratch) {{
  map_rows(values, arrays, {dim}, {width}, count, (const real*)z, (real*)out, (char*)scratch);
}}
}}
"""
