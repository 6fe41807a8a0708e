"""Compute on small arrays what would only be copied to large ones.

A scale of `C x 1` against `C x B` rows is expanded before its logarithm is taken, and the gradient
starts from `C x B` ones: half of the large operations of a recorded gradient work on copies of few
numbers. An elementwise operation commutes with expansion, so this pass moves expansions behind
elementwise operations, where the next one broadcasts or dead code removes them.
"""

from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.passes.shape_prop import _extract_tensor_metadata

_ATEN = torch.ops.aten

#: Refuse an expansion that does not lie in memory as its shape says.
_VIEWS = {_ATEN.view.default, _ATEN._unsafe_view.default}
#: Constants of their first argument's shape, and the argument that holds their value (or a value).
_CONSTANTS: dict[Any, float | int] = {
    _ATEN.zeros_like.default: 0.0,
    _ATEN.ones_like.default: 1.0,
    _ATEN.full_like.default: 1,
}


def sink_expansions(graph: Graph) -> None:
    """Move expansions behind the elementwise operations of a graph, in place.

    Nodes need the `tensor_meta` and `val` that recording leaves. What becomes unused stays in the
    graph for dead code elimination.
    """
    small: dict[Node, Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function" or not _is_tensor(node):
            continue
        if node.target is _ATEN.expand.default:
            source = node.args[0]
            if _is_tensor(source) and _rank(source) > 0 and _size(source) < _size(node):
                small[node] = small.get(source, source)
        elif node.target in _CONSTANTS:
            _shrink_constant(graph, node, small)
        elif node.target in _VIEWS and node.args[0] in small:
            node.target = _ATEN.reshape.default
        elif torch.Tag.pointwise in getattr(node.target, "tags", ()):
            _shrink_operation(graph, node, small)


def _shrink_constant(graph: Graph, node: Node, small: dict[Node, Node]) -> None:
    if _rank(node) == 0 or _size(node) == 1:
        return
    held = _CONSTANTS[node.target]
    number = node.args[1] if isinstance(held, int) else held
    value = node.meta["val"]
    with graph.inserting_before(node):
        one = graph.call_function(
            _ATEN.full.default,
            ([1] * _rank(node), number),
            {"dtype": value.dtype, "device": value.device},
        )
    _describe(one, torch.Size([1] * _rank(node)), node)
    _replace(graph, node, one, small)


def _shrink_operation(graph: Graph, node: Node, small: dict[Node, Node]) -> None:
    inputs = [n for n in node.all_input_nodes if _is_tensor(n)]
    if not any(n in small for n in inputs):
        return
    shape = torch.broadcast_shapes(*(_shape(small.get(n, n)) for n in inputs))
    args = torch.fx.node.map_arg(node.args, lambda n: small.get(n, n))
    if shape == _shape(node):
        node.args = args
        return
    operation: Any = node.target
    with graph.inserting_before(node):
        less = graph.call_function(operation, args, node.kwargs)
    _describe(less, shape, node)
    _replace(graph, node, less, small)


def _replace(graph: Graph, node: Node, less: Node, small: dict[Node, Node]) -> None:
    """Put the expansion of a smaller node in a node's place."""
    with graph.inserting_before(node):
        expanded = graph.call_function(_ATEN.expand.default, (less, list(_shape(node))))
    expanded.meta = dict(node.meta)
    node.replace_all_uses_with(expanded)
    graph.erase_node(node)
    small[expanded] = less


def _describe(node: Node, shape: torch.Size, like: Node) -> None:
    value = like.meta["val"]
    node.meta["val"] = torch.empty(shape, dtype=value.dtype, device=value.device)
    node.meta["tensor_meta"] = _extract_tensor_metadata(node.meta["val"])


def _is_tensor(node: Any) -> bool:
    return isinstance(node, Node) and isinstance(node.meta.get("val"), torch.Tensor)


def _shape(node: Node) -> torch.Size:
    return torch.Size(node.meta["val"].shape)


def _rank(node: Node) -> int:
    return len(_shape(node))


def _size(node: Node) -> int:
    return _shape(node).numel()
