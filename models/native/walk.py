"""From a recorded graph to steps over arrays whose numbers have a lane per chain.

Every operation becomes a view, which costs nothing, or one of the steps of `statements`, by the
rule that it has in `rules`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

from models.native.lowering import Lowering
from models.native.rule import apply
from models.native.rules import rules
from models.native.statements import Statement
from models.native.values import Known, Operand, Producer, Recipe, UnsupportedError, whole


@dataclass(frozen=True)
class Lowered:
    """A function as steps."""

    low: Lowering
    input: Producer
    outputs: list[Operand]

    @property
    def statements(self) -> list[Statement]:
        """All steps, those that nothing needs included."""
        return self.low.statements


def lower(
    graph_module: GraphModule,
    dtype: torch.dtype,
    knowns: list[Known],
    prefix: str,
    pairs: bool = False,
) -> Lowered:
    """Lower a graph whose data-dependent parts are attributes and whose one input is `z`.

    Args:
        graph_module: as `partition` makes it.
        dtype: of the run.
        knowns: arrays of data that functions lowered before use; this one's are added.
        prefix: begins the names of its arrays.
        pairs: whether the processor multiplies pairs of numbers in bf16 at once.

    Raises:
        UnsupportedError: an operation, which it names, has no rule.
    """
    walk = _Walk(graph_module, Lowering(dtype, knowns, prefix, pairs))
    for node in graph_module.graph.nodes:
        walk.visit(node)
    return Lowered(walk.low, walk.input, walk.outputs)


class _Walk:
    def __init__(self, graph_module: GraphModule, low: Lowering) -> None:
        self.low = low
        self.outputs: list[Operand] = []
        self._module = graph_module
        self._env: dict[Node, Any] = {}

    def visit(self, node: Node) -> None:
        if node.op == "placeholder":
            self.input = Producer("z", tuple(node.meta["val"].shape), "real")
            self._env[node] = whole(self.input)
        elif node.op == "get_attr":
            name = str(node.target)
            recipe = None if node.meta["literal"] else Recipe(name)
            self._env[node] = self.low.know(getattr(self._module, name), recipe)
        elif node.op == "output":
            self.outputs = list(self._of(node.args[0]))
        else:
            self._env[node] = self._call(node)

    def _of(self, arguments: Any) -> Any:
        if isinstance(arguments, Node):
            return self._env[arguments]
        if isinstance(arguments, tuple | list):
            return [self._of(a) for a in arguments]
        if isinstance(arguments, dict):
            return {k: self._of(v) for k, v in arguments.items()}
        return arguments

    def _call(self, node: Node) -> Any:
        rule = rules().get(node.target)
        if rule is None:
            raise UnsupportedError(str(node.target))
        args, kwargs = self._of(node.args), self._of(node.kwargs)
        try:
            return apply(rule, self.low, node, args=args, kwargs=kwargs)
        except UnsupportedError as problem:
            raise UnsupportedError(f"{node.target}: {problem}") from problem
