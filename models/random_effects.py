"""Which latents look like random effects: many of a kind, with a distribution that is unknown.

Maximising a likelihood over random effects as if they were parameters is legal and often
misleading (the variance of the effects collapses, Neyman and Scott 1948), so `mle` warns. A latent
is a likely random effect when it lives in a plate (or has batch dimensions) and either its prior
depends on other unknowns, or it enters the model multiplied with another unknown (the non-centred
form `mu + tau * eta`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from models.trace import Reading


def random_effects(reading: Reading, leaves: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return the names of likely random effects.

    Args:
        reading: a reading whose unknowns' values require gradients.
        leaves: by unknown, the leaf tensor of the autograd graph that its value was made from.
    """
    plated = {u.name for u in reading.unknowns if u.prior is not None and u.plates}
    centred = {
        u.name
        for u in reading.unknowns
        if u.name in plated and any(t.requires_grad for t in _tensors(u.prior))
    }
    taint = _Taint({id(leaf): name for name, leaf in leaves.items()})
    for fn, _ in reading.observed.values():
        for tensor in _tensors(fn):
            taint.of(tensor.grad_fn)
    for value in reading.deterministics.values():
        taint.of(value.grad_fn)
    scaled = {
        name for mine, other in taint.products if len(mine) == 1 and other - mine for name in mine
    }
    return tuple(u.name for u in reading.unknowns if u.name in centred | (scaled & plated))


class _Taint:
    """Which unknowns each node of an autograd graph depends on, and which ones are multiplied."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._seen: dict[Any, frozenset[str]] = {}
        self.products: list[tuple[frozenset[str], frozenset[str]]] = []

    def of(self, root: Any) -> None:
        """Visit the graph below `root` in post-order, without recursion: graphs are deep."""
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node is None or node in self._seen:
                continue
            if ready:
                self._seen[node] = self._visit(node)
                continue
            stack.append((node, True))
            stack.extend((child, False) for child, _ in node.next_functions)

    def _visit(self, node: Any) -> frozenset[str]:
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            name = self._names.get(id(leaf))
            return frozenset() if name is None else frozenset({name})
        inputs = [self._seen.get(child, frozenset()) for child, _ in node.next_functions]
        if node.name() == "MulBackward0" and len(inputs) == 2 and all(inputs):
            self.products += [(inputs[0], inputs[1]), (inputs[1], inputs[0])]
        return frozenset().union(*inputs)


def _tensors(value: Any, depth: int = 0) -> Iterator[Tensor]:
    """The tensors that a distribution was built from."""
    if isinstance(value, Tensor):
        yield value
    elif hasattr(value, "__dict__") and depth < 4:
        for part in vars(value).values():
            yield from _tensors(part, depth + 1)
