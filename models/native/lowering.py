"""From a recorded graph of one point to steps over arrays whose numbers have a lane per chain.

The graph is that of a single `z`: `D`; chains come in as the lanes of every number, so nothing is
batched and nothing has to be batchable. Every operation becomes a view, which costs nothing, or one
of the statements of `statements`. An operation without a rule raises `UnsupportedError`.

One file, because the rules are short, read alike and call each other.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.fx import GraphModule, Node

from models.native import operations as ops
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
    Table,
)
from models.native.values import (
    Known,
    Operand,
    Producer,
    Recipe,
    Shape,
    UnsupportedError,
    Value,
    aligned,
    expand,
    reshape,
    restride,
    whole,
)

_ATEN = torch.ops.aten
_INITIAL = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}


def domain_of(shape: Sequence[int]) -> Shape:
    """Return the sizes that a loop over a shape has."""
    return tuple(n for n in shape if n != 1)


class Lowering:
    """Walks a graph whose data-dependent parts are attributes; keeps what it lowers them to.

    Args:
        graph_module: its one input is `z`.
        dtype: of the run.
        knowns: arrays of data that functions lowered before use; this one's are added.
    """

    def __init__(
        self, graph_module: GraphModule, dtype: torch.dtype, knowns: list[Known], prefix: str
    ) -> None:
        self.statements: list[Statement] = []
        self.outputs: list[Operand] = []
        self.knowns = knowns
        self._module, self._dtype, self._prefix = graph_module, dtype, prefix
        self._env: dict[Node, Any] = {}
        self._count = 0
        self._inverses: dict[Value, Value] = {}
        for node in graph_module.graph.nodes:
            self._visit(node)

    def _visit(self, node: Node) -> None:
        if node.op == "placeholder":
            self.input = Producer("z", tuple(node.meta["val"].shape), "real")
            self._env[node] = whole(self.input)
        elif node.op == "get_attr":
            name = str(node.target)
            tensor = getattr(self._module, name)
            recipe = None if node.meta["literal"] else Recipe(name)
            self._env[node] = self.know(tensor, recipe)
        elif node.op == "output":
            self.outputs = [self._of(a) for a in node.args[0]]  # type: ignore[union-attr]
        else:
            args, kwargs = self._of(node.args), self._of(node.kwargs)
            self._env[node] = self._call(node, args, kwargs)

    def _of(self, arguments: Any) -> Any:
        if isinstance(arguments, Node):
            return self._env[arguments]
        if isinstance(arguments, tuple | list):
            return [self._of(a) for a in arguments]
        if isinstance(arguments, dict):
            return {k: self._of(v) for k, v in arguments.items()}
        return arguments

    def _call(self, node: Node, args: Any, kwargs: Any) -> Any:
        target: Any = node.target
        shape = _shape(node)
        if target in ops.ARITHMETIC:
            # Surplus arguments are parameters such as softplus's threshold, at their defaults.
            count = ops.ARITHMETIC[target].__code__.co_argcount or len(args)
            return self._arithmetic(node, target, args[:count])
        if target in ops.COMPARISONS:
            return self.compare(ops.COMPARISONS[target], args, shape)
        if target in ops.LOGIC:
            return self.point(ops.LOGIC[target], args, shape, "bool", wants="mask")
        rule = _RULES.get(target)
        if rule is None:
            raise UnsupportedError(str(target))
        return rule(self, node, *args, **kwargs)

    def _arithmetic(self, node: Node, target: Any, args: Any) -> Any:
        if target in (_ATEN.div.Tensor, _ATEN.div.Scalar):
            return self.divide(node, *args)
        return self.point(ops.ARITHMETIC[target], args, _shape(node), self.kind(node))

    # What rules are made of.

    def kind(self, node: Node) -> str:
        """Return the element type of a node's result."""
        return self.kind_of(node.meta["val"].dtype)

    def kind_of(self, dtype: torch.dtype) -> str:
        """Return our name of a dtype."""
        if dtype == self._dtype:
            return "real"
        names = {torch.float64: "double", torch.bfloat16: "bfloat", torch.bool: "bool"}
        if dtype not in names:
            raise UnsupportedError(f"values of {dtype}")
        return names[dtype]

    def know(self, tensor: torch.Tensor, recipe: Recipe | None = None) -> Known:
        """Return an array of data, or of the text's numbers where it has no recipe."""
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.float()
        literal = None if recipe else _one_number(tensor)
        known = Known(len(self.knowns), tensor, literal, recipe)
        self.knowns.append(known)
        return known

    def fresh(self, shape: Shape, kind: str, initial: float | None = None) -> Producer:
        """Return a new array to be computed."""
        self._count += 1
        return Producer(f"{self._prefix}{self._count}", shape, kind, initial=initial)

    def point(
        self,
        template: Callable[..., str],
        operands: Sequence[Any],
        shape: Shape,
        kind: str,
        compute: str | None = None,
        wants: str | Sequence[str] | None = None,
        where: str | None = None,
    ) -> Value:
        """Add an elementwise step over a shape; operands are broadcast."""
        compute = compute or self.common(operands, kind)
        if where is None:
            less = self._differing(operands, shape)
            if less != shape:
                small = self.point(template, operands, less, kind, compute, wants)
                return expand(small, shape)
        chosen = list(wants) if isinstance(wants, list) else [str(wants or compute)] * len(operands)
        out = self.fresh(shape, kind)
        out.mask = compute
        reads = [self.access(_squeezed(operand, shape), shape) for operand in operands]
        self.statements.append(
            Point(out, domain_of(shape), reads, template, chosen, compute, where)
        )
        return whole(out)

    def _differing(self, operands: Sequence[Any], shape: Shape) -> Shape:
        """Return the shape without the dimensions along which no operand changes."""
        moving = [False] * len(shape)
        for operand in operands:
            if isinstance(operand, Value) or (
                isinstance(operand, Known) and operand.literal is None
            ):
                steps = aligned(operand.strides, operand.shape, shape)
                moving = [m or step != 0 for m, step in zip(moving, steps, strict=True)]
        return tuple(n if m else 1 for m, n in zip(moving, shape, strict=True))

    def common(self, operands: Sequence[Any], kind: str = "bool") -> str:
        """Return the type to compute in: `double` where any operand or the result is."""
        kinds = [kind, *(self._kind(o) for o in operands)]
        return "double" if "double" in kinds else "real"

    def _kind(self, operand: Any) -> str:
        if isinstance(operand, Value):
            return operand.producer.mask if operand.kind == "bool" else operand.kind
        if isinstance(operand, Known) and operand.literal is None and operand.tensor.dim():
            wide = operand.tensor.dtype == torch.float64 != self._dtype
            return "double" if wide else "real"
        return "real"

    def compare(self, template: Callable[..., str], operands: Sequence[Any], shape: Shape) -> Value:
        """Add a comparison."""
        return self.point(template, operands, shape, "bool")

    def access(self, operand: Any, shape: Shape) -> Access | float:
        """Return where an operand lies over the loop of a shape."""
        if isinstance(operand, bool | int | float):
            return float(operand)
        if isinstance(operand, Known) and operand.literal is not None:
            return operand.literal
        steps = aligned(operand.strides, operand.shape, shape)
        kept = tuple(s for s, n in zip(steps, shape, strict=True) if n != 1)
        if isinstance(operand, Known):
            return Access(operand, kept)
        return Access(operand.producer, kept, operand.offset)

    def divide(self, node: Node, a: Any, b: Any) -> Value:
        """Add a division, as a product where the inverse can be had once for many numbers."""
        shape, kind = _shape(node), self.kind(node)
        times = ops.ARITHMETIC[_ATEN.mul.Tensor]
        if isinstance(b, Value) and math.prod(self._differing([b], b.shape)) < math.prod(
            self._differing([a, b], shape)
        ):
            return self.point(times, [a, self._inverse(b)], shape, kind)
        if isinstance(b, Known) and b.literal is None and b.tensor.is_floating_point():
            inverse = Recipe(b.recipe.name, inverse=True) if b.recipe else None
            known = self.know(b.tensor.reciprocal(), inverse)
            return self.point(times, [a, known], shape, kind)
        return self.point(ops.ARITHMETIC[_ATEN.div.Tensor], [a, b], shape, kind)

    def _inverse(self, b: Value) -> Value:
        if b not in self._inverses:
            reciprocal = ops.ARITHMETIC[_ATEN.reciprocal.default]
            self._inverses[b] = self.point(reciprocal, [b], b.shape, self._kind(b))
        return self._inverses[b]

    def fold(self, operation: str, x: Any, dims: Sequence[int], shape: Shape, kind: str) -> Value:
        """Add a reduction of `x` over dimensions; `shape` is the result's."""
        x = self.lane(x)
        gone = {d % max(1, len(x.shape)) for d in dims} if dims else set(range(len(x.shape)))
        same = [d for d in gone if x.strides[d] == 0 and x.shape[d] != 1]
        if same and operation != "prod":
            count = math.prod(x.shape[d] for d in same)
            less = restride(
                x, tuple(1 if d in same else n for d, n in enumerate(x.shape)), x.strides
            )
            folded = self.fold(operation, less, dims, shape, kind)
            if operation != "sum":
                return folded
            times = ops.ARITHMETIC[_ATEN.mul.Tensor]
            return self.point(times, [folded, float(count)], shape, kind)
        out = self.fresh(shape, kind, _INITIAL[operation])
        steps, step = [0] * len(x.shape), 1
        for d in reversed(range(len(x.shape))):
            if d not in gone:
                steps[d] = step
                step *= x.shape[d]
        kept = tuple(s for s, n in zip(steps, x.shape, strict=True) if n != 1)
        read = self.access(x, x.shape)
        self.statements.append(Fold(out, domain_of(x.shape), [read], operation, kept))
        return whole(out)

    def lane(self, operand: Any, shape: Shape | None = None, kind: str = "real") -> Value:
        """Return an operand as an array with lanes, copying what is known."""
        if isinstance(operand, Value):
            return operand
        size = shape if shape is not None else getattr(operand, "shape", ())
        return self.point(lambda x: x, [operand], tuple(size), kind)

    def copy(self, x: Value, kind: str | None = None) -> Value:
        """Return the numbers of a view laid out row by row."""
        return self.point(lambda v: v, [x], x.shape, kind or x.kind)

    def store(
        self,
        out: Producer,
        target: Value,
        x: Any,
        accumulate: bool = False,
        after: Sequence[Statement] = (),
        tables: tuple[Table, ...] = (),
    ) -> Store:
        """Add a write of `x`, broadcast, into a view of `out`."""
        access = self.access(target, target.shape)
        assert isinstance(access, Access)
        place = Access(out, access.strides, access.offset, tables)
        step = Store(
            out,
            domain_of(target.shape),
            [self.access(x, target.shape)],
            place,
            accumulate,
            list(after),
        )
        self.statements.append(step)
        return step

    def contract(self, a: Operand, b: Operand, shape: Shape, kind: str) -> Value:
        """Add `out[..., i, j] = sum_k a[..., i, k] b[..., k, j]`."""
        length = a.shape[-1]  # type: ignore[union-attr]
        rows, columns = shape[-2:]
        if len(shape) == 2:
            for matrix, other, flip in ((a, b, False), (b, a, True)):
                short = columns if flip else rows
                if isinstance(matrix, Known) and isinstance(other, Value) and short < length:
                    return self._spread(matrix, other, shape, kind, flip)
        left = self.access(_last_as(a, columns, -1), shape)
        right = self.access(_last_as(b, rows, -2), shape)
        out = self.fresh(shape, kind)
        steps = (a.strides[-1], b.strides[-2])  # type: ignore[union-attr]
        self.statements.append(
            Contract(out, domain_of(shape), [left, right], length, (steps[0], steps[1]))
        )
        return whole(out)

    def _spread(self, matrix: Known, x: Value, shape: Shape, kind: str, flip: bool) -> Value:
        rows, columns = shape
        along, across = matrix.strides[::-1] if not flip else matrix.strides
        k, other = x.shape if not flip else x.shape[::-1]
        steps = x.strides if not flip else x.strides[::-1]
        view = restride(x, (k, other), steps)
        out = self.fresh(shape, kind, 0.0)
        places = (0, 1) if not flip else (0, columns)
        kept = tuple(s for s, n in zip(places, (k, other), strict=True) if n != 1)
        lines = tuple(s for s, n in zip((along, 0), (k, other), strict=True) if n != 1)
        self.statements.append(
            Spread(
                out,
                domain_of((k, other)),
                [Access(matrix, lines), self.access(view, view.shape)],
                columns if flip else rows,
                across,
                kept,
                1 if flip else columns,
            )
        )
        return whole(out)

    def indexed(self, x: Any, shape: Shape, strides: Shape, tables: tuple[Table, ...]) -> Value:
        """Add a read of `x` at indices from data."""
        x = self.lane(x)
        out = self.fresh(shape, x.kind)
        out.mask = x.producer.mask
        kept = tuple(s for s, n in zip(strides, shape, strict=True) if n != 1)
        read = Access(x.producer, kept, x.offset, tables)
        want = "mask" if x.kind == "bool" else self._kind(x)
        compute = "double" if "double" in (x.kind, x.producer.mask) else "real"
        if want == "bfloat":
            want = "real"
        self.statements.append(Point(out, domain_of(shape), [read], lambda v: v, [want], compute))
        return whole(out)

    def table(self, known: Any, shape: Shape, at: int, stride: int, size: int) -> Table:
        """Return indices, whose dimensions stand at `at ...` of a shape, as part of an address."""
        if not isinstance(known, Known):
            raise UnsupportedError("indices that depend on the parameters")
        if known.tensor.dtype == torch.bool:
            raise UnsupportedError("a mask as index")
        tail = len(shape) - at - len(known.shape)
        steps = aligned(known.strides + (0,) * tail, known.shape + (1,) * tail, shape)
        kept = tuple(s for s, n in zip(steps, shape, strict=True) if n != 1)
        return Table(known, kept, stride, size)


def _one_number(tensor: torch.Tensor) -> float | None:
    """Return the number that all entries are, or None."""
    if not tensor.numel() or not bool((tensor == tensor.reshape(-1)[0]).all()):
        return None
    return float(tensor.reshape(-1)[0])


def _squeezed(operand: Any, shape: Shape) -> Any:
    """Return an operand cut to a shape in which some of its dimensions shrank to one."""
    if not isinstance(operand, Value) and not (
        isinstance(operand, Known) and operand.literal is None
    ):
        return operand
    lead = len(operand.shape) - len(shape)
    cut = tuple(
        min(n, m)
        for n, m in zip(
            operand.shape[max(0, lead) :],
            shape[-len(operand.shape) :] if operand.shape else (),
            strict=True,
        )
    )
    return operand if cut == operand.shape else _view_of(operand, cut, operand.strides)


def _shape(node: Node) -> Shape:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def _last_as(x: Any, size: int, dim: int) -> Any:
    """Return a matrix operand with the contracted dimension replaced by one that stays put."""
    shape, strides = list(x.shape), list(x.strides)
    shape[dim], strides[dim] = size, 0
    return _view_of(x, tuple(shape), tuple(strides))


def _view_of(x: Any, shape: Shape, strides: Shape) -> Any:
    if isinstance(x, Value):
        return restride(x, shape, strides)
    return replace(x, tensor=x.tensor.as_strided(shape, strides))


Rule = Callable[..., Any]
_RULES: dict[Any, Rule] = {}


def _rule(*targets: Any) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(targets, rule))
        return rule

    return add


@_rule(
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.clone.default,
    _ATEN.lift_fresh_copy.default,
    _ATEN.contiguous.default,
)
def _same(low: Lowering, node: Node, x: Any, **_: Any) -> Any:
    return x


@_rule(_ATEN._to_copy.default)
def _to_copy(low: Lowering, node: Node, x: Any, **_: Any) -> Any:
    kind = low.kind(node)
    if isinstance(x, Value) and x.kind == kind:
        return x
    if kind == "bool":
        return low.point(lambda v: f"({v} != {ops.constant(0)})", [x], _shape(node), "bool")
    if kind == "bfloat":
        return low.point(lambda v: f"vbfloat({v})", [x], _shape(node), kind, compute="real")
    return low.point(lambda v: v, [x], _shape(node), kind)


@_rule(_ATEN.view.default, _ATEN.reshape.default, _ATEN._unsafe_view.default)
def _view(low: Lowering, node: Node, x: Any, shape: Any) -> Any:
    size = _shape(node)
    return reshape(x, size) or reshape(low.copy(x), size)


@_rule(_ATEN.unsqueeze.default, _ATEN.squeeze.dim, _ATEN.squeeze.dims, _ATEN.squeeze.default)
def _ones(low: Lowering, node: Node, x: Value, *_: Any) -> Value:
    """Add or drop dimensions of size 1."""
    steps = iter([s for s, n in zip(x.strides, x.shape, strict=True) if n != 1])
    shape = _shape(node)
    return restride(x, shape, tuple(next(steps) if n != 1 else 0 for n in shape))


@_rule(_ATEN.expand.default)
def _expand(low: Lowering, node: Node, x: Value, shape: Any, **_: Any) -> Value:
    return expand(x, _shape(node))


@_rule(_ATEN.permute.default)
def _permute(low: Lowering, node: Node, x: Value, dims: Sequence[int]) -> Value:
    order = [d % len(x.shape) for d in dims]
    return restride(x, tuple(x.shape[d] for d in order), tuple(x.strides[d] for d in order))


@_rule(_ATEN.transpose.int)
def _transpose(low: Lowering, node: Node, x: Value, a: int, b: int) -> Value:
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return _permute(low, node, x, order)


@_rule(_ATEN.t.default)
def _t(low: Lowering, node: Node, x: Value) -> Value:
    return _permute(low, node, x, list(reversed(range(len(x.shape)))))


@_rule(_ATEN.select.int)
def _select(low: Lowering, node: Node, x: Value, dim: int, index: int) -> Value:
    dim %= len(x.shape)
    keep = [d for d in range(len(x.shape)) if d != dim]
    shift = (index % x.shape[dim]) * x.strides[dim]
    return restride(x, tuple(x.shape[d] for d in keep), tuple(x.strides[d] for d in keep), shift)


@_rule(_ATEN.slice.Tensor)
def _slice(
    low: Lowering,
    node: Node,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    dim %= len(x.shape)
    first, _, stride = slice(start, end, step).indices(x.shape[dim])
    steps = tuple(s * stride if d == dim else s for d, s in enumerate(x.strides))
    return restride(x, _shape(node), steps, first * x.strides[dim])


@_rule(_ATEN.split_with_sizes.default)
def _split(low: Lowering, node: Node, x: Value, sizes: Sequence[int], dim: int = 0) -> list[Value]:
    dim, first, parts = dim % len(x.shape), 0, []
    for size in sizes:
        shape = tuple(size if d == dim else n for d, n in enumerate(x.shape))
        parts.append(restride(x, shape, x.strides, first * x.strides[dim]))
        first += size
    return parts


@_rule(_ATEN.split.Tensor)
def _split_evenly(low: Lowering, node: Node, x: Value, size: int, dim: int = 0) -> list[Value]:
    total = x.shape[dim % len(x.shape)]
    sizes = [min(size, total - first) for first in range(0, total, size)]
    return _split(low, node, x, sizes, dim)


@_rule(_ATEN.unbind.int)
def _unbind(low: Lowering, node: Node, x: Value, dim: int = 0) -> list[Value]:
    return [_select(low, node, x, dim, i) for i in range(x.shape[dim % len(x.shape)])]


@_rule(operator.getitem)
def _getitem(low: Lowering, node: Node, parts: Any, index: int) -> Any:
    return parts[index]


@_rule(_ATEN.diagonal.default)
def _diagonal(
    low: Lowering, node: Node, x: Value, offset: int = 0, a: int = 0, b: int = 1
) -> Value:
    return _along_diagonal(x, offset, a, b, _shape(node)[-1])


def _along_diagonal(x: Value, offset: int, a: int, b: int, size: int) -> Value:
    a, b = a % len(x.shape), b % len(x.shape)
    keep = [d for d in range(len(x.shape)) if d not in (a, b)]
    shift = offset * x.strides[b] if offset >= 0 else -offset * x.strides[a]
    shape = (*(x.shape[d] for d in keep), size)
    return restride(x, shape, (*(x.strides[d] for d in keep), x.strides[a] + x.strides[b]), shift)


@_rule(_ATEN.flip.default)
def _flip(low: Lowering, node: Node, x: Value, dims: Sequence[int]) -> Value:
    turned = {d % len(x.shape) for d in dims}
    shift = sum((x.shape[d] - 1) * x.strides[d] for d in turned)
    steps = tuple(-s if d in turned else s for d, s in enumerate(x.strides))
    return restride(x, x.shape, steps, shift)


@_rule(_ATEN.add.Tensor, _ATEN.add.Scalar)
def _add(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    return _sum_of(low, node, a, b, alpha)


@_rule(_ATEN.sub.Tensor, _ATEN.sub.Scalar)
def _sub(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    return _sum_of(low, node, a, b, -alpha)


@_rule(_ATEN.rsub.Scalar, _ATEN.rsub.Tensor)
def _rsub(low: Lowering, node: Node, a: Any, b: Any, alpha: float = 1) -> Value:
    return _sum_of(low, node, b, a, -alpha)


def _sum_of(low: Lowering, node: Node, a: Any, b: Any, alpha: float) -> Value:
    texts: dict[float, Callable[..., str]] = {
        1: lambda x, y: f"({x} + {y})",
        -1: lambda x, y: f"({x} - {y})",
    }
    template = texts.get(alpha, lambda x, y: f"({x} + {ops.constant(alpha)} * {y})")
    return low.point(template, [a, b], _shape(node), low.kind(node))


@_rule(_ATEN.pow.Tensor_Scalar)
def _pow(low: Lowering, node: Node, x: Any, exponent: float) -> Value:
    return low.point(ops.power(float(exponent)), [x], _shape(node), low.kind(node))


@_rule(_ATEN.pow.Scalar)
def _exponential(low: Lowering, node: Node, base: float, x: Any) -> Value:
    return low.point(
        lambda e: f"vpow({ops.constant(base)}, {e})", [x], _shape(node), low.kind(node)
    )


@_rule(_ATEN.clamp.default, _ATEN.clamp.Tensor)
def _clamp(low: Lowering, node: Node, x: Any, low_end: Any = None, high_end: Any = None) -> Value:
    for name, bound in (("vmax", low_end), ("vmin", high_end)):
        if bound is not None:
            x = low.point(
                lambda v, b, name=name: f"{name}({v}, {b})",
                [x, bound],
                _shape(node),
                low.kind(node),
            )
    return x


@_rule(_ATEN.clamp_min.default)
def _clamp_min(low: Lowering, node: Node, x: Any, bound: Any) -> Value:
    return _clamp(low, node, x, bound)


@_rule(_ATEN.clamp_max.default)
def _clamp_max(low: Lowering, node: Node, x: Any, bound: Any) -> Value:
    return _clamp(low, node, x, None, bound)


def _choose(m: str, yes: str, no: str) -> str:
    return f"select<V>({m}, {yes}, {no})"


@_rule(_ATEN.where.self)
def _where(low: Lowering, node: Node, mask: Any, yes: Any, no: Any) -> Value:
    compute = low.common([yes, no], low.kind(node))
    wants = ["mask", compute, compute]
    return low.point(_choose, [mask, yes, no], _shape(node), low.kind(node), compute, wants)


@_rule(_ATEN.masked_fill.Scalar, _ATEN.masked_fill.Tensor)
def _masked_fill(low: Lowering, node: Node, x: Any, mask: Any, value: Any) -> Value:
    return _where(low, node, mask, value, x)


@_rule(_ATEN.isnan.default)
def _isnan(low: Lowering, node: Node, x: Any) -> Value:
    return low.compare(lambda v: f"({v} != {v})", [x], _shape(node))


@_rule(_ATEN.tril.default)
def _tril(low: Lowering, node: Node, x: Any, diagonal: int = 0) -> Value:
    return _triangle(low, node, x, f"{{1}} <= {{0}} + ({diagonal})")


@_rule(_ATEN.triu.default)
def _triu(low: Lowering, node: Node, x: Any, diagonal: int = 0) -> Value:
    return _triangle(low, node, x, f"{{1}} >= {{0}} + ({diagonal})")


def _triangle(low: Lowering, node: Node, x: Any, condition: str) -> Value:
    shape = _shape(node)
    places = [d for d, n in enumerate(shape) if n != 1]
    names = [f"i{places.index(d)}" if d in places else "0" for d in range(len(shape))[-2:]]
    return low.point(lambda v: v, [x], shape, low.kind(node), where=condition.format(*names))


@_rule(_ATEN.sum.default)
def _sum(low: Lowering, node: Node, x: Any, **_: Any) -> Value:
    return low.fold("sum", x, [], (), low.kind(node))


@_rule(_ATEN.sum.dim_IntList)
def _sum_dims(low: Lowering, node: Node, x: Any, dims: Any, keep: bool = False, **_: Any) -> Value:
    return low.fold("sum", x, dims or [], _shape(node), low.kind(node))


@_rule(_ATEN.mean.default)
def _mean(low: Lowering, node: Node, x: Any, **_: Any) -> Value:
    return _mean_dims(low, node, x, [])


@_rule(_ATEN.mean.dim)
def _mean_dims(low: Lowering, node: Node, x: Any, dims: Any, keep: bool = False, **_: Any) -> Value:
    shape, kind = _shape(node), low.kind(node)
    total = low.fold("sum", x, dims or [], shape, kind)
    share = math.prod(shape) / x.size
    return low.point(ops.ARITHMETIC[_ATEN.mul.Tensor], [total, share], shape, kind)


@_rule(_ATEN.amax.default)
def _amax(low: Lowering, node: Node, x: Any, dims: Any = (), keep: bool = False) -> Value:
    return low.fold("max", x, dims, _shape(node), low.kind(node))


@_rule(_ATEN.amin.default)
def _amin(low: Lowering, node: Node, x: Any, dims: Any = (), keep: bool = False) -> Value:
    return low.fold("min", x, dims, _shape(node), low.kind(node))


@_rule(_ATEN.prod.default)
def _prod(low: Lowering, node: Node, x: Any, **_: Any) -> Value:
    return low.fold("prod", x, [], (), low.kind(node))


@_rule(_ATEN.prod.dim_int)
def _prod_dim(low: Lowering, node: Node, x: Any, dim: int, keep: bool = False, **_: Any) -> Value:
    return low.fold("prod", x, [dim], _shape(node), low.kind(node))


def _held(shape: Shape, dims: Sequence[int]) -> Shape:
    gone = {d % max(1, len(shape)) for d in dims} if dims else set(range(len(shape)))
    return tuple(1 if d in gone else n for d, n in enumerate(shape))


@_rule(_ATEN.logsumexp.default)
def _logsumexp(low: Lowering, node: Node, x: Any, dims: Any, keep: bool = False) -> Value:
    x, kind = low.lane(x), low.kind(node)
    held = _held(x.shape, dims)
    top = low.fold("max", x, dims, held, kind)
    # The sum of nothing but -inf, or of +inf, is taken around 0.
    infinite = "splat<V>(INFINITY)"
    around = low.point(
        lambda v: (
            f"select<V>((-{infinite} < {v}) & ({v} < {infinite}) | ({v} != {v}), {v}, "
            f"{ops.constant(0)})"
        ),
        [top],
        held,
        kind,
    )
    shares = low.point(lambda v, m: f"vexp({v} - {m})", [x, around], x.shape, kind)
    total = low.fold("sum", shares, dims, held, kind)
    result = low.point(lambda v, m: f"(vlog({v}) + {m})", [total, around], held, kind)
    return _ones(low, node, result)


@_rule(_ATEN._log_softmax.default)
def _log_softmax(low: Lowering, node: Node, x: Any, dim: int, half: bool = False) -> Value:
    kind, held = low.kind(node), _held(x.shape, [dim])
    top = low.fold("max", x, [dim], held, kind)
    shares = low.point(lambda v, m: f"vexp({v} - {m})", [x, top], x.shape, kind)
    total = low.fold("sum", shares, [dim], held, kind)
    shift = low.point(lambda v, m: f"(vlog({v}) + {m})", [total, top], held, kind)
    return low.point(lambda v, s: f"({v} - {s})", [x, shift], x.shape, kind)


@_rule(_ATEN._softmax.default)
def _softmax(low: Lowering, node: Node, x: Any, dim: int, half: bool = False) -> Value:
    kind, held = low.kind(node), _held(x.shape, [dim])
    top = low.fold("max", x, [dim], held, kind)
    shares = low.point(lambda v, m: f"vexp({v} - {m})", [x, top], x.shape, kind)
    total = low.fold("sum", shares, [dim], held, kind)
    one = low.point(ops.ARITHMETIC[_ATEN.reciprocal.default], [total], held, kind)
    return low.point(ops.ARITHMETIC[_ATEN.mul.Tensor], [shares, one], x.shape, kind)


@_rule(_ATEN._log_softmax_backward_data.default)
def _log_softmax_back(low: Lowering, node: Node, g: Any, y: Any, dim: int, _: Any) -> Value:
    g, kind = low.lane(g), low.kind(node)
    total = low.fold("sum", g, [dim], _held(g.shape, [dim]), kind)
    return low.point(lambda a, b, s: f"({a} - vexp({b}) * {s})", [g, y, total], g.shape, kind)


@_rule(_ATEN._softmax_backward_data.default)
def _softmax_back(low: Lowering, node: Node, g: Any, y: Any, dim: int, _: Any) -> Value:
    kind, shape = low.kind(node), _shape(node)
    part = low.point(ops.ARITHMETIC[_ATEN.mul.Tensor], [g, y], shape, kind)
    total = low.fold("sum", part, [dim], _held(shape, [dim]), kind)
    return low.point(lambda p, b, s: f"({p} - {b} * {s})", [part, y, total], shape, kind)


@_rule(_ATEN.log_sigmoid_forward.default)
def _log_sigmoid(low: Lowering, node: Node, x: Any) -> list[Value]:
    kind = low.kind_of(node.meta["val"][0].dtype)
    return [low.point(lambda v: f"(-vsoftplus(-{v}))", [x], x.shape, kind)] * 2


@_rule(_ATEN.log_sigmoid_backward.default)
def _log_sigmoid_back(low: Lowering, node: Node, g: Any, x: Any, _: Any) -> Value:
    return low.point(lambda a, v: f"({a} * vsigmoid(-{v}))", [g, x], _shape(node), low.kind(node))


@_rule(_ATEN.var.correction)
def _var(
    low: Lowering,
    node: Node,
    x: Any,
    dims: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
) -> Value:
    kind, held = low.kind(node), _held(x.shape, dims or [])
    count = x.size / math.prod(held)
    times = ops.ARITHMETIC[_ATEN.mul.Tensor]
    mean = low.point(times, [low.fold("sum", x, dims or [], held, kind), 1 / count], held, kind)
    away = low.point(lambda v, m: f"(({v} - {m}) * ({v} - {m}))", [x, mean], x.shape, kind)
    total = low.fold("sum", away, dims or [], held, kind)
    scaled = low.point(
        times,
        [total, 1 / max(count - correction, 0.0) if count > correction else math.nan],
        held,
        kind,
    )
    return _ones(low, node, scaled)


@_rule(_ATEN.linalg_vector_norm.default)
def _norm(
    low: Lowering, node: Node, x: Any, order: float = 2, dims: Any = None, *_: Any, **__: Any
) -> Value:
    if order != 2:
        raise UnsupportedError(f"the norm of order {order}")
    kind, shape = low.kind(node), _shape(node)
    squares = low.point(lambda v: f"({v} * {v})", [x], x.shape, kind)
    total = low.fold("sum", squares, dims or [], shape, kind)
    return low.point(lambda v: f"vsqrt({v})", [total], shape, kind)


@_rule(_ATEN.mm.default, _ATEN.bmm.default)
def _mm(low: Lowering, node: Node, a: Any, b: Any) -> Value:
    return _rounded(low, node, low.contract(a, b, _shape(node), _wide(low.kind(node))))


@_rule(_ATEN.mv.default)
def _mv(low: Lowering, node: Node, a: Any, x: Any) -> Value:
    column = _view_of(x, (x.shape[0], 1), (x.strides[0], 0))
    out = low.contract(a, column, (*_shape(node), 1), _wide(low.kind(node)))
    return _rounded(low, node, restride(out, _shape(node), (1,)))


@_rule(_ATEN.dot.default, _ATEN.vdot.default)
def _dot(low: Lowering, node: Node, a: Any, b: Any) -> Value:
    kind = low.kind(node)
    product = low.point(ops.ARITHMETIC[_ATEN.mul.Tensor], [a, b], a.shape, kind)
    return low.fold("sum", product, [], (), kind)


@_rule(_ATEN.addmm.default, _ATEN.addmv.default)
def _addmm(low: Lowering, node: Node, c: Any, a: Any, b: Any) -> Value:
    product = _mm(low, node, a, b) if len(b.shape) == 2 else _mv(low, node, a, b)
    return _sum_of(low, node, c, product, 1)


def _wide(kind: str) -> str:
    return "real" if kind == "bfloat" else kind


def _rounded(low: Lowering, node: Node, x: Value) -> Value:
    """A product in bf16 is rounded once, after it has been summed."""
    if low.kind(node) != "bfloat":
        return x
    return low.point(lambda v: f"vbfloat({v})", [x], x.shape, "bfloat", compute="real")


@_rule(_ATEN.cat.default)
def _cat(low: Lowering, node: Node, parts: Sequence[Any], dim: int = 0) -> Value:
    out = low.fresh(_shape(node), low.kind(node))
    target, first = whole(out), 0
    dim %= len(out.shape)
    for part in parts:
        if part.shape == (0,):
            continue
        shape = part.shape
        view = restride(target, shape, target.strides, first * target.strides[dim])
        low.store(out, view, part)
        first += shape[dim]
    return target


@_rule(_ATEN.stack.default)
def _stack(low: Lowering, node: Node, parts: Sequence[Any], dim: int = 0) -> Value:
    out = low.fresh(_shape(node), low.kind(node))
    target = whole(out)
    for index, part in enumerate(parts):
        low.store(out, _select(low, node, target, dim, index), part)
    return target


@_rule(_ATEN.select_backward.default)
def _select_back(low: Lowering, node: Node, g: Any, size: Any, dim: int, index: int) -> Value:
    return _into_zeros(low, node, g, lambda x: _select(low, node, x, dim, index))


@_rule(_ATEN.slice_backward.default)
def _slice_back(
    low: Lowering, node: Node, g: Any, size: Any, dim: int, start: int, end: int, step: int
) -> Value:
    def cut(x: Value) -> Value:
        d = dim % len(x.shape)
        first, last, stride = slice(start, end, step).indices(x.shape[d])
        shape = tuple(
            len(range(first, last, stride)) if n == d else s for n, s in enumerate(x.shape)
        )
        steps = tuple(s * stride if n == d else s for n, s in enumerate(x.strides))
        return restride(x, shape, steps, first * x.strides[d])

    return _into_zeros(low, node, g, cut)


@_rule(_ATEN.diagonal_backward.default)
def _diagonal_back(
    low: Lowering, node: Node, g: Any, size: Any, offset: int, a: int, b: int
) -> Value:
    return _into_zeros(low, node, g, lambda x: _along_diagonal(x, offset, a, b, g.shape[-1]))


@_rule(_ATEN.diag_embed.default)
def _diag_embed(
    low: Lowering, node: Node, x: Any, offset: int = 0, a: int = -2, b: int = -1
) -> Value:
    return _into_zeros(low, node, x, lambda y: _along_diagonal(y, offset, a, b, x.shape[-1]))


@_rule(_ATEN.constant_pad_nd.default)
def _pad(low: Lowering, node: Node, x: Any, pads: Sequence[int], value: float = 0.0) -> Value:
    def inside(y: Value) -> Value:
        shift = 0
        for pair in range(len(pads) // 2):
            shift += pads[2 * pair] * y.strides[-1 - pair]
        return restride(y, x.shape, y.strides, shift)

    if min(pads) < 0:
        raise UnsupportedError("negative padding")
    return _into_zeros(low, node, x, inside, value)


def _into_zeros(
    low: Lowering, node: Node, g: Any, view: Callable[[Value], Value], fill: float = 0.0
) -> Value:
    out = low.fresh(_shape(node), low.kind(node), fill)
    target = whole(out)
    low.store(out, view(target), g)
    return target


@_rule(_ATEN.slice_scatter.default)
def _slice_scatter(
    low: Lowering,
    node: Node,
    x: Any,
    g: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    def cut(y: Value) -> Value:
        d = dim % len(y.shape)
        first, _, stride = slice(start, end, step).indices(y.shape[d])
        steps = tuple(s * stride if n == d else s for n, s in enumerate(y.strides))
        return restride(y, g.shape, steps, first * y.strides[d])

    return _onto(low, node, x, g, cut)


@_rule(_ATEN.select_scatter.default)
def _select_scatter(low: Lowering, node: Node, x: Any, g: Any, dim: int, index: int) -> Value:
    return _onto(low, node, x, g, lambda y: _select(low, node, y, dim, index))


@_rule(_ATEN.diagonal_scatter.default)
def _diagonal_scatter(
    low: Lowering, node: Node, x: Any, g: Any, offset: int = 0, a: int = 0, b: int = 1
) -> Value:
    return _onto(low, node, x, g, lambda y: _along_diagonal(y, offset, a, b, g.shape[-1]))


def _onto(low: Lowering, node: Node, x: Any, g: Any, view: Callable[[Value], Value]) -> Value:
    out = low.fresh(_shape(node), low.kind(node))
    target = whole(out)
    first = low.store(out, target, x)
    low.store(out, view(target), g, after=[first])
    return target


def _places(low: Lowering, shape: Shape, strides: Shape, indices: Sequence[Any]) -> Any:
    """Return shape, strides and tables of `x[indices]` for an array of `shape` and `strides`."""
    used = [d for d, index in enumerate(indices) if index is not None]
    if used != list(range(used[0], used[-1] + 1)):
        raise UnsupportedError("indices with a gap between them")
    middle = tuple(torch.broadcast_shapes(*(indices[d].shape for d in used)))
    out = (*shape[: used[0]], *middle, *shape[used[-1] + 1 :])
    steps = (*strides[: used[0]], *(0,) * len(middle), *strides[used[-1] + 1 :])
    tables = []
    for d in used:
        at = used[0] + len(middle) - len(indices[d].shape)
        tables.append(low.table(indices[d], out, at, strides[d], shape[d]))
    return out, steps, tuple(tables)


@_rule(_ATEN.index.Tensor)
def _index(low: Lowering, node: Node, x: Any, indices: Sequence[Any]) -> Value:
    x = low.lane(x)
    return low.indexed(x, *_places(low, x.shape, x.strides, indices))


@_rule(_ATEN.index_put.default)
def _index_put(
    low: Lowering, node: Node, x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Value:
    return _put(
        low, node, x, values, accumulate, lambda t: _places(low, t.shape, t.strides, indices)
    )


@_rule(_ATEN.index_select.default)
def _index_select(low: Lowering, node: Node, x: Any, dim: int, index: Any) -> Value:
    x = low.lane(x)
    picks = [None] * (dim % len(x.shape)) + [index]
    return low.indexed(x, *_places(low, x.shape, x.strides, picks))


@_rule(_ATEN.index_add.default)
def _index_add(low: Lowering, node: Node, x: Any, dim: int, index: Any, g: Any) -> Value:
    picks = [None] * (dim % len(_shape(node))) + [index]
    return _put(low, node, x, g, True, lambda t: _places(low, t.shape, t.strides, picks))


def _along(low: Lowering, x: Any, dim: int, index: Any) -> Any:
    """Return shape, strides and tables of `gather`."""
    dim %= max(1, len(x.shape))
    steps = tuple(0 if d == dim else s for d, s in enumerate(x.strides))
    return index.shape, steps, (low.table(index, index.shape, 0, x.strides[dim], x.shape[dim]),)


@_rule(_ATEN.gather.default)
def _gather(low: Lowering, node: Node, x: Any, dim: int, index: Any, **_: Any) -> Value:
    x = low.lane(x)
    return low.indexed(x, *_along(low, x, dim, index))


@_rule(_ATEN.scatter_add.default)
def _scatter_add(low: Lowering, node: Node, x: Any, dim: int, index: Any, g: Any) -> Value:
    return _put(low, node, x, g, True, lambda t: _along(low, t, dim, index))


@_rule(_ATEN.scatter.src)
def _scatter(low: Lowering, node: Node, x: Any, dim: int, index: Any, g: Any) -> Value:
    return _put(low, node, x, g, False, lambda t: _along(low, t, dim, index))


def _put(
    low: Lowering, node: Node, x: Any, g: Any, accumulate: bool, places: Callable[[Value], Any]
) -> Value:
    out = low.fresh(_shape(node), low.kind(node))
    target = whole(out)
    first = low.store(out, target, x)
    shape, strides, tables = places(target)
    low.store(out, restride(target, shape, strides), g, accumulate, [first], tables)
    return target


@_rule(_ATEN.cumsum.default)
def _cumsum(low: Lowering, node: Node, x: Any, dim: int, **_: Any) -> Value:
    return _scan(low, node, "sum", x, dim)


@_rule(_ATEN.cumprod.default)
def _cumprod(low: Lowering, node: Node, x: Any, dim: int, **_: Any) -> Value:
    return _scan(low, node, "prod", x, dim)


@_rule(_ATEN.logcumsumexp.default)
def _logcumsumexp(low: Lowering, node: Node, x: Any, dim: int) -> Value:
    return _scan(low, node, "logaddexp", x, dim)


def _scan(low: Lowering, node: Node, operation: str, x: Any, dim: int) -> Value:
    x = low.lane(x)
    if not x.shape:
        return x
    dim %= len(x.shape)
    out = low.fresh(_shape(node), low.kind(node))
    rest = tuple(n for d, n in enumerate(x.shape) if d != dim)
    view = restride(x, rest, tuple(s for d, s in enumerate(x.strides) if d != dim))
    target = whole(out)
    steps = tuple(
        s
        for d, (s, n) in enumerate(zip(target.strides, x.shape, strict=True))
        if d != dim and n != 1
    )
    low.statements.append(
        Scan(
            out,
            domain_of(rest),
            [low.access(view, rest)],
            operation,
            x.shape[dim],
            x.strides[dim],
            target.strides[dim],
            steps,
        )
    )
    return target


@_rule(_ATEN.linalg_cholesky_ex.default)
def _cholesky(low: Lowering, node: Node, x: Any, **_: Any) -> list[Any]:
    out = low.fresh(x.shape, low.kind_of(node.meta["val"][0].dtype), 0.0)
    batch = x.shape[:-2]
    target = whole(out)
    steps = tuple(s for s, n in zip(target.strides, batch, strict=False) if n != 1)
    read = low.access(restride(x, batch, x.strides[:-2]), batch)
    low.statements.append(
        Cholesky(out, domain_of(batch), [read], x.shape[-1], (x.strides[-2], x.strides[-1]), steps)
    )
    # Where there is no factor its entries are NaN already, which is what `info` is asked for.
    return [target, 0.0]


@_rule(_ATEN.linalg_solve_triangular.default)
def _solve(
    low: Lowering,
    node: Node,
    a: Any,
    b: Any,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Value:
    out = low.fresh(_shape(node), low.kind(node))
    target = whole(out)
    if not left:
        a, b, view, upper = _turned(a), _turned(b), _turned(target), not upper
    else:
        view = target
    b = low.lane(b)
    order = a.shape[-1]
    shape = (*view.shape[:-2], view.shape[-1])
    lead = (1,) * (len(shape) - 1 - len(a.shape[:-2])) + a.shape[:-2]
    steps_a = (0,) * (len(shape) - 1 - len(a.shape[:-2])) + a.strides[:-2]
    reads = [
        low.access(_view_of(a, (*lead, 1), (*steps_a, 0)), shape),
        low.access(
            restride(b, (*b.shape[:-2], b.shape[-1]), (*b.strides[:-2], b.strides[-1])), shape
        ),
    ]
    places = low.access(restride(view, shape, (*view.strides[:-2], view.strides[-1])), shape)
    assert isinstance(places, Access)
    low.statements.append(
        Solve(
            out,
            domain_of(shape),
            reads,
            order,
            (a.strides[-2], a.strides[-1], b.strides[-2]),
            upper,
            unitriangular,
            places.strides,
            view.strides[-2],
        )
    )
    return target


def _turned(x: Any) -> Any:
    return _view_of(
        x,
        (*x.shape[:-2], x.shape[-1], x.shape[-2]),
        (*x.strides[:-2], x.strides[-1], x.strides[-2]),
    )
