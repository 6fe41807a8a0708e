"""Make a recorded graph smaller without changing what it computes.

Automatic differentiation and batching leave many operations behind that change nothing: views to
the same shape, powers of one, sums over one element. In the interpreted tier every operation costs
a microsecond or more whatever its size, so each one that goes is time won at every gradient.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch._functorch.compile_utils import fx_graph_cse
from torch.fx import GraphModule, Node

_ATEN = torch.ops.aten

#: Return their first argument's numbers; not needed when its shape and dtype do not change.
_COPIES = {
    _ATEN.view.default,
    _ATEN.reshape.default,
    _ATEN._unsafe_view.default,
    _ATEN.expand.default,
    _ATEN.unsqueeze.default,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.dims,
    _ATEN._to_copy.default,
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.clone.default,
    _ATEN.lift_fresh_copy.default,
}
#: Keep the order of the elements: a chain of them back to the first shape is nothing.
_RESHAPES = {
    _ATEN.view.default,
    _ATEN.reshape.default,
    _ATEN._unsafe_view.default,
    _ATEN.unsqueeze.default,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.dims,
}
#: The element that leaves the other operand as it is.
_NEUTRAL: dict[Any, float] = {_ATEN.mul.Tensor: 1.0, _ATEN.add.Tensor: 0.0}
#: Depend on the shape of their first argument only.
LIKE = {
    _ATEN.zeros_like.default,
    _ATEN.ones_like.default,
    _ATEN.full_like.default,
    _ATEN.new_zeros.default,
    _ATEN.new_ones.default,
    _ATEN.new_full.default,
}


def simplified(graph_module: GraphModule) -> GraphModule:
    """Drop operations that change nothing, merge equal ones, and remove what is unused."""
    if mutates(graph_module):
        return graph_module
    for node in list(graph_module.graph.nodes):
        if node.op != "call_function":
            continue
        source = _equal_source(node)
        if source is not None:
            node.replace_all_uses_with(source)
            graph_module.graph.erase_node(node)
    graph_module.graph = fx_graph_cse(graph_module.graph)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()
    return graph_module


def mutates(graph_module: GraphModule) -> bool:
    """Whether an operation writes in place: then the order of operations must stay as it is."""
    schemas = (getattr(node.target, "_schema", None) for node in graph_module.graph.nodes)
    return any(schema is not None and schema.is_mutable for schema in schemas)


def neutral(node: Node, known: Mapping[Node, Any]) -> Node | None:
    """Return the factor (summand) that a product with ones (a sum with zeros) leaves as it is."""
    identity = _NEUTRAL.get(node.target)
    if identity is None or len(node.args) != 2 or node.kwargs:
        return None
    for other, kept in (node.args, node.args[::-1]):
        value = known.get(other) if isinstance(other, Node) else other
        if isinstance(kept, Node) and kept not in known and value is not None:
            same = torch.as_tensor(value).eq(identity).all()
            if bool(same) and _same(kept, node):
                return kept
    return None


def empty_like(node: Node) -> Tensor:
    """Return a tensor with the shape, dtype and device that a node had when it was recorded."""
    value = node.meta["val"]
    return torch.empty(value.shape, dtype=value.dtype, device=value.device)


def _equal_source(node: Node) -> Node | None:
    """The earlier node whose value this one repeats."""
    source = _first(node)
    if source is None:
        return None
    power_of_one = node.target is _ATEN.pow.Tensor_Scalar and node.args[1] == 1
    copies = _copies(node) or power_of_one or _keeps_every_element(node)
    if copies and _same(source, node):
        return source
    if node.target in _RESHAPES or _keeps_every_element(node):
        while source.op == "call_function" and source.target in _RESHAPES:
            source = _first(source)
            if source is None or _same(source, node):
                return source
    return None


def _copies(node: Node) -> bool:
    """Whether a node only hands its argument on.

    A clone that is asked for a memory format lays its numbers out anew, which a view that follows
    may rely on.
    """
    return node.target in _COPIES and "memory_format" not in node.kwargs


def _first(node: Node) -> Node | None:
    source: Any = node.args[0] if node.args else None
    return source if isinstance(source, Node) else None


def _keeps_every_element(node: Node) -> bool:
    """A sum over dimensions of one element, or a permutation that moves none."""
    if node.target is _ATEN.permute.default:
        order: Any = node.args[1]
        return list(order) == list(range(len(order)))
    if node.target is not _ATEN.sum.dim_IntList:
        return False
    source, result = _meta(node.args[0]), _meta(node)
    if source is None or result is None:
        return False
    return bool(source.shape.numel() == result.shape.numel() and source.dtype == result.dtype)


def _same(source: Node, result: Node) -> bool:
    before, after = _meta(source), _meta(result)
    if before is None or after is None:
        return False
    return bool(before.shape == after.shape and before.dtype == after.dtype)


def _meta(node: Any) -> Any:
    return node.meta.get("tensor_meta") if isinstance(node, Node) else None
