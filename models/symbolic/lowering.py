"""A recorded graph as one formula.

The formula is built node by node from the graph of what is computed, never from text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from models.errors import UnavailableError
from models.symbolic.rules import RULES, Bound, number
from models.symbolic.template import Template, axis

#: Keywords that say where numbers lie, not which they are.
_NO_NUMBERS = {"dtype", "device", "layout", "memory_format", "non_blocking", "pin_memory"}
#: Operations of a formula that a person may still want to see.
LARGEST = 2_000


def formula(graph: GraphModule, names: Sequence[str]) -> tuple[sp.Expr, dict[str, Tensor]]:
    """Return the graph's result, a scalar, as a formula; and constants that it names.

    Args:
        graph: of a function of named tensors; a vector's entry stands as `theta[i]`.
        names: of its inputs.

    Raises:
        UnavailableError: an operation has no closed form here; the message names it.
    """
    known: dict[Node, Any] = {}
    constants: dict[str, Tensor] = {}
    given, bound = iter(names), Bound()
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            known[node] = _named(next(given), tuple(node.meta["val"].shape))
        elif node.op == "get_attr":
            known[node] = _constant(getattr(graph, node.target), constants)
        elif node.op == "output":
            (result,) = torch.utils._pytree.tree_leaves(node.args)
            return sp.sympify(known[result].expr), constants
        else:
            known[node] = _applied(node, known, bound)
    raise AssertionError("a graph without output")


def _applied(node: Node, known: Mapping[Node, Any], bound: Bound) -> Template:
    rule = RULES.get(node.target)
    if rule is None:
        raise _unavailable(node)
    args = torch.fx.node.map_arg(node.args, lambda n: known[n])
    kwargs = {
        key: value
        for key, value in torch.fx.node.map_arg(node.kwargs, lambda n: known[n]).items()
        if key not in _NO_NUMBERS
    }
    if _rounds(node):
        raise _unavailable(node)
    shape = tuple(node.meta["val"].shape)
    try:
        made: Template = rule(shape, bound, *args, **kwargs)
    except (KeyError, TypeError, ValueError) as error:
        raise _unavailable(node) from error
    if made.expr.count_ops() > LARGEST:
        raise UnavailableError("mode", "the formula would be too long to be read; write 'reverse'")
    return made


def _rounds(node: Node) -> bool:
    """Whether reals become integers."""
    values = [source.meta.get("val") for source in (node, *node.all_input_nodes)]
    to, *of = [value.dtype.is_floating_point for value in values if isinstance(value, Tensor)]
    return node.target is torch.ops.aten._to_copy.default and not to and any(of)


def _unavailable(node: Node) -> UnavailableError:
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    return UnavailableError(
        "mode", f"the operation '{name}' of the model has no closed form here; write 'reverse'"
    )


def _named(name: str, shape: tuple[int, ...]) -> Template:
    if not shape:
        return Template(sp.Symbol(name, real=True), shape)
    places = [
        axis(len(shape) - 1 - n) if size != 1 else sp.Integer(0) for n, size in enumerate(shape)
    ]
    return Template(sp.IndexedBase(name, real=True)[tuple(places)], shape)


def _constant(value: Tensor, constants: dict[str, Tensor]) -> Template:
    if value.numel() == 1:
        return Template(number(value.item()), tuple(value.shape))
    name = f"c{len(constants)}"
    constants[name] = value
    return _named(name, tuple(value.shape))
