"""Functions of a point in their recorded forms, one for each number of chains."""

from collections.abc import Callable, Hashable, Sequence

import structlog
import torch
from torch import Tensor
from torch.fx import GraphModule

from models.cache import Cache
from models.captured import Captured
from models.compiled import BatchFunction, PointFunction, bind, record, record_rows
from models.trace import fenced

log = structlog.get_logger()


class Recordings:
    """What was recorded of one density, bound to its data.

    Args:
        graphs: where recorded graphs are kept, without data.
        identity: everything that a graph depends on but the number of chains; its key in `graphs`.
        arguments: the data.
        tell: is told why chains are evaluated one after another, where they are.
        device: of `z` and the data.
    """

    def __init__(
        self,
        graphs: Cache,
        identity: Hashable,
        arguments: Sequence[Tensor],
        tell: Callable[[str], None],
        device: torch.device,
    ) -> None:
        self._graphs, self._identity = graphs, identity
        self._arguments, self._tell = tuple(arguments), tell
        self._device = device
        self._bound: dict[tuple[str, int], BatchFunction] = {}

    def replay(self, key: str, function: PointFunction, z: Tensor) -> tuple[Tensor, ...]:
        """Call the recorded form of `function`, recording it for this number of chains first."""
        bound = self._bound.get((key, len(z)))
        if bound is None:
            graph, batched = self._graph(key, function, z, self._arguments)
            one = bind(graph, self._arguments)
            bound = one if batched else _looped(one)
            if self._device.type == "cuda":
                bound = Captured(bound, _uncaptured)
            self._bound[key, len(z)] = bound
        return tuple(bound(z))

    def call(
        self, key: str, function: PointFunction, z: Tensor, arguments: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Call the recorded form on data that may change from call to call.

        Nothing of them is computed beforehand.
        """
        graph, batched = self._graph(key, function, z, arguments)
        with torch.inference_mode():
            if batched:
                found = graph(z, *arguments)
            else:
                found = _looped(lambda row: graph(row, *arguments))(z)
        # Outside, so that callers get ordinary tensors of their own.
        return tuple(part.clone() for part in found)

    def _graph(
        self, key: str, function: PointFunction, z: Tensor, arguments: Sequence[Tensor]
    ) -> tuple[GraphModule, bool]:
        """Return the graph, and whether it is batched over chains."""
        origin = torch.zeros_like(z)
        with fenced():
            graph, problem = self._graphs.get(
                (self._identity, key, len(z)), lambda: _traced(function, origin, arguments)
            )
        if problem is not None:
            self._tell(problem)
        return graph, problem is None


def _uncaptured(problem: str) -> None:
    log.info("not captured", action="launch_kernels", cause=problem)


def _traced(
    function: PointFunction, z: Tensor, arguments: Sequence[Tensor]
) -> tuple[GraphModule, str | None]:
    """The graph batched over chains, or of one chain with the reason why."""
    try:
        return record(function, z, arguments), None
    except RuntimeError as problem:
        graph = record_rows(function, z, arguments)
        return graph, str(problem).splitlines()[0][:200]


def _looped(one: BatchFunction) -> BatchFunction:
    def loop(points: Tensor) -> tuple[Tensor, ...]:
        columns = zip(*(one(row) for row in points), strict=True)
        return tuple(torch.stack(column) for column in columns)

    return loop
