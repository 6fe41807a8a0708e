"""A function of a batch on a GPU, captured as one graph: launched whole, not kernel by kernel.

A model of a few dozen operations costs a GPU less time than their launches cost the host. See
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs for what may be captured.
"""

from collections.abc import Callable

import torch
from torch import Tensor

#: A function of a batch, always of the same shape.
BatchFunction = Callable[[Tensor], tuple[Tensor, ...]]
#: Calls before the one that is captured: what is called a few times is not worth it, and libraries
#: set themselves up in first calls, which must not be captured.
BEFORE = 3


class Captured:
    """Calls a function as it is at first, then through a graph of its kernels.

    Args:
        function: of `z` on a GPU; it returns new tensors, and does the same work at every call.
        tell: is told why it cannot be captured, where it cannot.
    """

    def __init__(self, function: BatchFunction, tell: Callable[[str], None]) -> None:
        self._function, self._tell = function, tell
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        #: Where the graph reads and writes.
        self._source: Tensor | None = None
        self._found: tuple[Tensor, ...] = ()

    def __call__(self, z: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value at `z`, in tensors of the caller's own."""
        if self._graph is None:
            self._calls += 1
            if self._calls != BEFORE + 1 or not self._capture(z):
                return self._function(z)
        assert self._graph is not None
        assert self._source is not None
        self._source.copy_(z)
        self._graph.replay()
        return tuple(part.clone() for part in self._found)

    def _capture(self, z: Tensor) -> bool:
        """Record the kernels of one call, which are not run; return whether they could be."""
        source = z.clone()
        try:
            graph = torch.cuda.CUDAGraph()
            # What other threads of this process do on the device does not concern this capture.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                found = self._function(source)
        except RuntimeError as error:
            # An operation that waits for the host: the function goes on as it is.
            self._tell(str(error).splitlines()[0][:200])
            return False
        self._graph, self._source, self._found = graph, source, found
        return True
