"""What a model would cost, measured on tensors that have shapes but no memory.

A request of a kilobyte can ask for a terabyte (`torch.zeros(10**12)`). So a model first runs on
fake tensors under a `Meter`, which adds up the bytes of every intermediate and counts the
operations, and stops the run at a limit before anything is allocated.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.errors import TooLargeError


@dataclass(frozen=True)
class Limits:
    """How much one evaluation of a log density may take."""

    #: All intermediates of one evaluation at one point, in bytes.
    bytes: int = 2**32
    #: Recorded operations of one evaluation.
    operations: int = 10_000
    #: Processor time of one evaluation, and of the compiler, where another's library evaluates.
    seconds: float = 30.0


class Meter(TorchDispatchMode):
    """Adds up the cost of the operations that run under it.

    Raises (from within the operation that goes over):
        TooLargeError: with an empty path, which the interpreter fills in.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._limits = limits
        self.bytes = 0
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        size = sum(t.numel() * t.element_size() for t in tree_leaves(result) if _is_tensor(t))
        # A view takes no memory, but whatever reads a view of 10^12 entries takes an hour.
        self._check(self.bytes + size)
        if not func.is_view:
            self.bytes += size
        return result

    def _check(self, size: int) -> None:
        if size > self._limits.bytes:
            raise TooLargeError(
                "",
                f"one evaluation would take more than {_size(self._limits.bytes)} of memory; "
                "use smaller shapes",
            )
        if self.operations > self._limits.operations:
            raise TooLargeError(
                "",
                f"one evaluation would take more than {self._limits.operations} operations; "
                "use fewer loop steps, or a plate and array operations instead of a loop",
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch from logging a traceback for every shape that does not fit: we say it better."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
