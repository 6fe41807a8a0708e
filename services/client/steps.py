"""What a call asks of whoever carries it: the client's contract without its connections.

A call is a generator. It yields steps, gets back what each one brought or has its error thrown in,
and returns its value. `Transport` carries calls over blocking connections, `AsyncTransport` over
awaited ones; nothing else knows the difference.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Methods that mean the same however often they arrive.
_IDEMPOTENT = frozenset({"GET", "DELETE", "PUT"})


@dataclass(frozen=True)
class Request:
    """One HTTP request; brings an `httpx.Response` that succeeded, after retries.

    Raises into the call: ProblemError, UnreachableError.
    """

    method: str
    path: str
    #: Bytes as they are, or what is sent as JSON.
    body: Any = None
    #: Parameters; None leaves one out.
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether a second arrival changes nothing though the method does not promise it: it bears an
    #: idempotency key, or what it makes is named by its content.
    repeatable: bool = False

    @property
    def idempotent(self) -> bool:
        """Whether it may be sent again when nobody knows if it arrived."""
        return self.repeatable or self.method in _IDEMPOTENT

    @property
    def content(self) -> bytes | None:
        """The body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, allow_nan=False).encode()

    @property
    def sent_headers(self) -> dict[str, str]:
        """The headers; a body without a type is JSON."""
        kind = {"Content-Type": "application/json"} if self.body is not None else {}
        return {**kind, **self.headers}

    @property
    def parameters(self) -> dict[str, Any]:
        """The query without what is absent."""
        return {name: value for name, value in self.query.items() if value is not None}


@dataclass(frozen=True)
class Attempt:
    """One try at a request; brings the answer whatever its status, or an `httpx.HTTPError`."""

    request: Request


@dataclass(frozen=True)
class Open:
    """A stream to read from now on, in place of an earlier one."""

    request: Request
    #: Seconds without a byte after which it breaks.
    silence: float


@dataclass(frozen=True)
class Read:
    """The next bytes of the open stream; brings None at its end."""


@dataclass(frozen=True)
class Pause:
    """Time to pass."""

    seconds: float


@dataclass(frozen=True)
class Setback:
    """A stream that broke or ended early: time to pass, or the end where patience is over."""

    #: None for a stream that ended in order.
    error: Exception | None
    #: Setbacks in a row, this one included.
    failures: int


@dataclass(frozen=True)
class Item(Generic[T]):
    """Something for the caller, while the call goes on."""

    value: T


Step = Request | Attempt | Open | Read | Pause | Setback
#: A call that returns a value.
Call = Generator[Step | Item[Any], Any, T]
#: A call that hands out items.
Flow = Generator[Step | Item[T], Any, None]


class Walk(Generic[T]):
    """A call under way: its next step, or the value with which it ended."""

    def __init__(self, call: Call[T]) -> None:
        self._call = call
        #: What the call waits for; None once it has ended.
        self.step: Step | Item[Any] | None = None
        self._value: list[T] = []

    @property
    def value(self) -> T:
        """What the call returned; it must have ended."""
        return self._value[0]

    def start(self) -> None:
        """Go to the first step."""
        self._move(partial(next, self._call))

    def send(self, reply: Any) -> None:
        """Go on with what the step brought."""
        self._move(partial(self._call.send, reply))

    def throw(self, error: BaseException) -> None:
        """Go on with the error that the step met; raises it where the call does not take it."""
        self._move(partial(self._call.throw, error))

    def close(self) -> None:
        """Give the call up where it stands."""
        self._call.close()

    def _move(self, how: Callable[[], Step | Item[Any]]) -> None:
        try:
            self.step = how()
        except StopIteration as end:
            self.step = None
            self._value.append(end.value)
