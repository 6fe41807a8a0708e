"""The C++ text of a model's density: functions of a block of chains, and the struct that names them.

The text depends on the graph and on the shapes and dtypes of the data, never on their numbers, so
one compiled artefact serves every data set of the same shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from models.native.emit import Emitter, vector
from models.native.lowering import Lowering
from models.native.schedule import Schedule, needed, schedule
from models.native.statements import Access
from models.native.values import Known, Producer, whole

HEADERS = Path(__file__).parent
_SCALARS = {
    torch.float64: "double",
    torch.float32: "float",
    torch.int64: "int64_t",
    torch.bool: "bool",
    torch.int32: "int32_t",
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
class Source:
    """A translation unit, and the arrays that its functions read, in order."""

    text: str
    arrays: tuple[Known, ...]
    #: By array, the number of the function that it is for.
    owners: tuple[int, ...]
    #: Steps in all: what compile time and the cost of a call grow with.
    statements: int


def generate(functions: Sequence[Function], dim: int, width: int, dtype: torch.dtype) -> Source:
    """Lower functions of `z`: `D` to C++.

    Args:
        functions: `both` (log density and gradient), `force` (gradient) and `values` (everything
            that is reported, one after another).
        dim: `D`.
        width: how many numbers `values` returns.
        dtype: of the run, float64 or float32.

    Raises:
        UnsupportedError: an operation has no rule.
    """
    knowns: list[Known] = []
    owners: list[int] = []
    texts, scratch, count = [], 0, 0
    for index, function in enumerate(functions):
        text, size, steps = _function(function, dtype, knowns)
        owners += [index] * (len(knowns) - len(owners))
        texts.append(text)
        scratch, count = max(scratch, size), count + steps
    real = _SCALARS[dtype]
    lines = [
        f"#define CREDENCE_REAL {real}",
        '#include "blocks.h"',
        "static inline int64_t wrapped(int64_t i, int64_t size) { return i < 0 ? i + size : i; }",
        *texts,
        _exports(dim, width, max(scratch, _ALIGN)),
    ]
    return Source("\n".join(lines) + "\n", tuple(knowns), tuple(owners), count)


def _function(function: Function, dtype: torch.dtype, knowns: list[Known]) -> tuple[str, int, int]:
    low = Lowering(function.graph, dtype, knowns, f"{function.name}_")
    outs = []
    for index, (value, kind) in enumerate(zip(low.outputs, function.kinds, strict=True)):
        kind = "real" if kind == "double" and dtype == torch.float64 else kind
        shape = getattr(value, "shape", ())
        out = Producer(f"out{index}", tuple(shape), kind)
        low.store(out, whole(out), value)
        outs.append(out)
    steps = needed(low.statements, outs)
    plan = schedule(steps, outs)
    places, size = _places(plan, outs, dtype)
    places[low.input] = "z"
    used = sorted(
        {
            r.source.index
            for s in steps
            for r in s.reads
            if isinstance(r, Access) and isinstance(r.source, Known)
        }
        | {
            t.known.index
            for s in steps
            for r in [*s.reads, getattr(s, "target", None)]
            if isinstance(r, Access)
            for t in r.tables
        }
    )
    tensors = {k.index: k.tensor for k in knowns}
    arguments = "".join(f", void* output{i}" for i in range(len(outs)))
    lines = [
        f'extern "C" void {function.name}(const void* const* arrays, const void* position'
        f"{arguments}, void* scratch) {{",
        "const R* __restrict z = (const R*)position;",
        "char* __restrict memory = (char*)scratch;",
        *(
            f"{vector(out)}* __restrict p_out{i} = ({vector(out)}*)output{i};"
            for i, out in enumerate(outs)
        ),
        *(
            f"const {_scalar(tensors[i])}* __restrict a{i} = (const {_scalar(tensors[i])}*)arrays[{i}];"
            for i in used
        ),
        *(
            f"{vector(p)}* p_{p.name} = ({vector(p)}*)(memory + {offset});"
            for p, offset in _offsets(plan, outs, dtype)
        ),
        *Emitter(plan, places, _SCALARS[dtype]).text(),
        "}",
    ]
    return "\n".join(lines), size, len(steps)


def _scalar(tensor: Tensor) -> str:
    return _SCALARS[tensor.dtype]


def _offsets(
    plan: Schedule, outs: list[Producer], dtype: torch.dtype
) -> list[tuple[Producer, int]]:
    result, offset = [], 0
    for producer in plan.stored:
        if producer not in outs:
            result.append((producer, offset))
            offset += producer.size * _bytes(producer, dtype)
    return result


def _places(
    plan: Schedule, outs: list[Producer], dtype: torch.dtype
) -> tuple[dict[Producer, str], int]:
    places = {out: f"p_{out.name}" for out in outs}
    end = 0
    for producer, offset in _offsets(plan, outs, dtype):
        places[producer] = f"p_{producer.name}"
        end = offset + producer.size * _bytes(producer, dtype)
    return places, end


def _bytes(producer: Producer, dtype: torch.dtype) -> int:
    """Bytes of one vector: 64, or 128 of doubles beside floats."""
    kind = producer.mask if producer.kind == "bool" else producer.kind
    return 2 * _ALIGN if kind == "double" and dtype == torch.float32 else _ALIGN


def _exports(dim: int, width: int, scratch: int) -> str:
    more = (2 * dim + width + 2) * _ALIGN
    return f"""extern "C" {{
int64_t credence_lanes() {{ return W; }}
int64_t credence_scratch() {{ return {scratch}; }}
// Of the two functions below.
int64_t credence_row_scratch() {{ return {scratch + more}; }}
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
}}"""
