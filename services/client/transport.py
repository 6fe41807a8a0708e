"""Calls over blocking connections. `async_transport.py` is this file with `await`."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, TypeVar

import httpx

from services.client.address import Address
from services.client.attempts import RETRIES, attempts, checked, endure
from services.client.steps import (
    Attempt,
    Call,
    Flow,
    Item,
    Open,
    Pause,
    Read,
    Request,
    Setback,
    Step,
    Walk,
)

T = TypeVar("T")


class Transport:
    """A pool of connections to one address, which carries calls."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        retries: int = RETRIES,
        key: str | None = None,
    ) -> None:
        """Open the pool.

        Args:
            base_url: the service's address, such as `http://127.0.0.1:8000`.
            timeout: seconds to wait for each answer.
            retries: how often a request is repeated.
            key: sent as `Authorization: Bearer KEY`.

        Raises:
            InputError: the address is no URL.
        """
        self.base_url, self._retries = base_url.rstrip("/"), retries
        self._address = Address(self.base_url, timeout, key)
        self._http = httpx.Client(**self._address.settings())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def carry(self, call: Call[T]) -> T:
        """Return what a call returns; its items are dropped."""
        walk = Walk(call)
        for _ in self._items(walk):
            pass
        return walk.value

    def flow(self, flow: Flow[T]) -> Iterator[T]:
        """Yield a flow's items."""
        return self._items(Walk(flow))

    def _items(self, walk: Walk[Any]) -> Iterator[Any]:
        with closing(walk), closing(_Stream(self._http, self._address)) as stream:
            walk.start()
            while (step := walk.step) is not None:
                if isinstance(step, Item):
                    yield step.value
                    walk.send(None)
                    continue
                try:
                    reply = self._done(step, stream)
                # An interrupted call may have something to undo.
                except (Exception, KeyboardInterrupt) as error:
                    walk.throw(error)
                else:
                    walk.send(reply)

    def _done(self, step: Step, stream: "_Stream") -> Any:
        match step:
            case Request():
                return self.carry(attempts(step, self.base_url, self._retries))
            case Attempt():
                return self._http.send(self._address.built(self._http, step.request))
            case Open():
                return stream.open(step)
            case Read():
                return stream.read()
            case Pause():
                return time.sleep(step.seconds)
            case Setback():
                return time.sleep(endure(step, self.base_url, self._retries))


class _Stream:
    """The one answer that a call reads as it comes."""

    def __init__(self, http: httpx.Client, address: Address) -> None:
        self._http, self._address = http, address
        self._answer: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def open(self, step: Open) -> None:
        self.close()
        request = self._address.built(self._http, step.request, step.silence)
        self._answer = self._http.send(request, stream=True)
        if not self._answer.is_success:
            self._answer.read()
        self._chunks = checked(self._answer).iter_bytes()

    def read(self) -> bytes | None:
        return next(self._chunks, None)

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None
