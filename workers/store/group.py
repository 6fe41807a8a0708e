"""Group: calls that come at the same time, carried out together by one of them.

What a commit costs (a transaction's begin and end, the wait for the disk) is paid once for all that
wait meanwhile; who calls alone is served at once. This is the group commit of databases (DeWitt et
al., 1984, "Implementation techniques for main memory database systems"), one floor higher.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Calls that are carried out together at the most.
MOST = 64


class _Call(Generic[T, R]):
    """One caller's part."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.result: R | None = None
        self.error: BaseException | None = None
        self.done = False
        #: Set when the call is done, or when it is its caller's turn to carry out what waits.
        self.turn = threading.Event()

    def answer(self) -> R:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Group(Generic[T, R]):
    """Carries out calls of many threads, those that wait together. Each blocks until it is done."""

    def __init__(
        self,
        carry: Callable[[Sequence[T]], Sequence[R]],
        common: tuple[type[Exception], ...] = (),
        most: int = MOST,
    ) -> None:
        """Make a group.

        Args:
            carry: carries out all of some items and returns their results in order, or raises
                and has then carried out none.
            common: errors that would have met each item by itself, too; after any other error
                fewer items are tried together, so that nobody is refused for what another sent.
            most: items that are carried out together at the most.
        """
        self._carry, self._common, self._most = carry, common, most
        self._lock = threading.Lock()
        self._waiting: list[_Call[T, R]] = []
        self._carrying = False

    def call(self, item: T) -> R:
        """Have an item carried out, perhaps with others, and return its result.

        Raises:
            Exception: what `carry` raised, for this item.
        """
        mine = _Call[T, R](item)
        with self._lock:
            self._waiting.append(mine)
            first, self._carrying = not self._carrying, True
        if not first:
            mine.turn.wait()
        if not mine.done:
            self._carry_waiting()
        return mine.answer()

    def _carry_waiting(self) -> None:
        """Carry out what waits, the caller's own item first, and leave the rest to another."""
        with self._lock:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._carry_out(batch)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._carrying = following is not None
            if following is not None:
                following.turn.set()
            for call in batch:
                call.done = True
                call.turn.set()

    def _carry_out(self, batch: Sequence[_Call[T, R]]) -> None:
        try:
            results = self._carry([call.item for call in batch])
        except BaseException as error:
            if len(batch) == 1 or isinstance(error, self._common):
                for call in batch:
                    call.error = error
            else:
                # By halves: one item that cannot be carried out costs the others little.
                half = len(batch) // 2
                self._carry_out(batch[:half])
                self._carry_out(batch[half:])
        else:
            for call, result in zip(batch, results, strict=True):
                call.result = result
