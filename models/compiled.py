"""Record a pure function as a graph of primitive operations, then replay it.

Three steps, so that nothing is done twice: `record` traces the function, batched over chains, to
a graph whose inputs are `z` and the data (no data is baked in, so a graph serves every data set of
the same shapes); `bind` computes once what depends on the data alone; what is left is replayed at
every call, without autograd and without Python of the model.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from models.broadcast import sink_expansions
from models.simplify import LIKE, empty_like, mutates, neutral, simplified

#: A function of one point `z`: `D` and the data; returns tensors.
PointFunction = Callable[..., tuple[Tensor, ...]]
#: A function of `z`: `C x D`.
BatchFunction = Callable[[Tensor], tuple[Tensor, ...]]


def record(function: PointFunction, z: Tensor, arguments: Sequence[Tensor]) -> GraphModule:
    """Trace `function(z, *arguments)`, batched over the rows of `z`: `C x D`, to a graph.

    Raises:
        RuntimeError: an operation of the function cannot be batched by vmap.
    """
    batched = torch.func.vmap(function, in_dims=(0, *(None for _ in arguments)))
    return simplified(_recorded(batched, (z, *arguments)))


def record_rows(function: PointFunction, z: Tensor, arguments: Sequence[Tensor]) -> GraphModule:
    """Trace `function` at one point, for functions that cannot be batched."""
    return simplified(_recorded(function, (z[0], *arguments)))


def record_plain(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> GraphModule:
    """Trace a function of distinct tensors as it is."""
    return simplified(_recorded(function, inputs))


def _recorded(function: Callable[..., Any], inputs: Sequence[Tensor]) -> GraphModule:
    with warnings.catch_warnings():
        # vmap warns where it has to fall back to a loop inside one operation: slow, not wrong.
        warnings.filterwarnings("ignore", message="There is a performance drop", append=True)
        graph_module = make_fx(function)(*inputs)
        if mutates(graph_module):
            graph_module = make_fx(torch.func.functionalize(function))(*inputs)
    if not mutates(graph_module):
        # Views that change nothing would hide an expansion from what it is moved behind.
        graph_module = simplified(graph_module)
        sink_expansions(graph_module.graph)
    return graph_module


def bind(graph_module: GraphModule, arguments: Sequence[Tensor]) -> Callable[[Tensor], Any]:
    """Compute what depends on the data alone; return a function of `z` that replays the rest."""
    if mutates(graph_module):
        return _without_grad(lambda z: graph_module(z, *arguments))
    known: dict[Node, Any] = {}
    rest = Graph()
    kept: dict[Node, Node] = {}
    holder = torch.nn.Module()
    values = iter(arguments)

    def carry(node: Node) -> Node:
        if node not in kept:
            name = f"known_{len(kept)}"
            holder.register_buffer(name, known[node])
            kept[node] = rest.get_attr(name)
        return kept[node]

    placeholders = [n for n in graph_module.graph.nodes if n.op == "placeholder"]
    for node in graph_module.graph.nodes:
        if node.op == "placeholder":
            if node is placeholders[0]:
                kept[node] = rest.placeholder("z")
            else:
                known[node] = next(values)
        elif node.op == "get_attr":
            known[node] = getattr(graph_module, node.target)
        elif node.op == "call_function" and node.target in LIKE:
            known[node] = node.target(empty_like(node.args[0]), *node.args[1:], **node.kwargs)
        elif node.op == "call_function" and all(n in known for n in node.all_input_nodes):
            with torch.no_grad():
                known[node] = node.target(*_filled(node.args, known), **_filled(node.kwargs, known))
        elif (kept_whole := neutral(node, known)) is not None:
            kept[node] = carry(kept_whole)
        else:
            kept[node] = rest.node_copy(node, carry)
    return _without_grad(GraphModule(holder, rest).forward)


def _without_grad(function: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def replay(z: Tensor) -> Any:
        with torch.inference_mode():
            results = function(z)
        # Outside, so that callers get ordinary tensors of their own.
        return tuple(result.clone() for result in results)

    return replay


def _filled(arguments: Any, known: dict[Node, Any]) -> Any:
    return torch.fx.node.map_arg(arguments, lambda node: known[node])
