"""A recorded graph cut in two: what depends on the data alone, and what depends on the point.

The first part is computed once per data set; the second is lowered to native code and reads the
first part's results as arrays. Numbers that come from the model's text alone become constants. The
cut looks at the graph, never at the data's numbers, so it is the same for every data set.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from models.simplify import LIKE, empty_like, neutral


@dataclass(frozen=True)
class Partition:
    """The two parts of a graph."""

    #: Data -> arrays that depend on them.
    prologue: Callable[..., Sequence[Tensor]]
    #: `z` -> outputs. Attributes `data_0`, `data_1`, ... stand for the prologue's results, in
    #: order, with the numbers of the data at hand; attributes `text_0`, ... are constants.
    main: GraphModule


def partition(graph_module: GraphModule, arguments: Sequence[Tensor]) -> Partition:
    """Cut a graph whose first input is `z` and whose others are the data.

    Args:
        graph_module: recorded; writes nothing in place.
        arguments: data of the shapes that it was recorded for.
    """
    cut = _Cut(graph_module, arguments)
    return Partition(cut.prologue(), cut.main())


class _Cut:
    def __init__(self, graph_module: GraphModule, arguments: Sequence[Tensor]) -> None:
        self._module = graph_module
        nodes = list(graph_module.graph.nodes)
        inputs = [node for node in nodes if node.op == "placeholder"]
        self._z, self._data = inputs[0], inputs[1:]
        #: The nodes that depend on the data and on nothing else, with their present values.
        self._known: dict[Node, Any] = dict(zip(self._data, arguments, strict=True))
        #: The nodes that depend on neither.
        self._text: dict[Node, Any] = {}
        self._carried: dict[Node, str] = {}
        for node in nodes:
            self._place(node)

    def _place(self, node: Node) -> None:
        if node.op == "get_attr":
            self._text[node] = getattr(self._module, str(node.target))
        if node.op != "call_function":
            return
        target: Any = node.target
        if target in LIKE:
            self._text[node] = target(empty_like(node.args[0]), *node.args[1:], **node.kwargs)  # type: ignore[arg-type]
            return
        sources = node.all_input_nodes
        if all(n in self._text for n in sources):
            self._text[node] = self._value(node)
        elif all(n in self._text or n in self._known for n in sources):
            self._known[node] = self._value(node)

    def _value(self, node: Node) -> Any:
        known = {**self._text, **self._known} if len(node.all_input_nodes) > 1 else None

        def look(n: Node) -> Any:
            if known is not None:
                return known[n]
            return self._text[n] if n in self._text else self._known[n]

        target: Any = node.target
        with torch.no_grad():
            return target(
                *torch.fx.node.map_arg(node.args, look), **torch.fx.node.map_arg(node.kwargs, look)
            )

    def main(self) -> GraphModule:
        """Return the part that depends on `z`."""
        graph, holder = Graph(), torch.nn.Module()
        kept: dict[Node, Node] = {}

        def carry(node: Node) -> Node:
            if node not in kept:
                text = node in self._text
                name = f"text_{len(kept)}" if text else self._carried[node]
                holder.register_buffer(name, self._text[node] if text else self._known[node])
                kept[node] = graph.get_attr(name)
                kept[node].meta["literal"] = text
            return kept[node]

        for node in self._module.graph.nodes:
            if node.op == "placeholder":
                if node is self._z:
                    kept[node] = graph.placeholder("z")
                    kept[node].meta = dict(node.meta)
            elif node in self._text or node in self._known:
                continue
            elif (same := neutral(node, self._text)) is not None:
                kept[node] = carry(same)
            else:
                kept[node] = graph.node_copy(node, carry)
        return GraphModule(holder, graph)

    def prologue(self) -> Callable[..., Sequence[Tensor]]:
        """Return the part that depends on the data, as a function of them."""
        wanted = []
        for node in self._module.graph.nodes:
            if node not in self._known and node not in self._text:
                wanted += [n for n in node.all_input_nodes if n in self._known]
        wanted = list(dict.fromkeys(wanted))
        self._carried = {node: f"data_{index}" for index, node in enumerate(wanted)}
        graph, holder = Graph(), torch.nn.Module()
        kept: dict[Node, Node] = {}

        def carry(node: Node) -> Node:
            if node not in kept:
                name = f"text_{len(kept)}"
                holder.register_buffer(name, self._text[node])
                kept[node] = graph.get_attr(name)
            return kept[node]

        for node in self._module.graph.nodes:
            if node in self._data:
                kept[node] = graph.placeholder(node.name)
            elif node in self._known:
                kept[node] = graph.node_copy(node, carry)
        graph.output(tuple(kept[node] for node in wanted))
        module = GraphModule(holder, graph)
        module.graph.eliminate_dead_code()
        module.recompile()
        return module.forward
