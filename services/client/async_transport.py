"""Calls over awaited connections. `transport.py` is this file without `await`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, closing
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


class AsyncTransport:
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
        self._http = httpx.AsyncClient(**self._address.settings())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def carry(self, call: Call[T]) -> T:
        """Return what a call returns; its items are dropped."""
        walk = Walk(call)
        async with aclosing(self._items(walk)) as items:
            async for _ in items:
                pass
        return walk.value

    def flow(self, flow: Flow[T]) -> AsyncIterator[T]:
        """Yield a flow's items."""
        return self._items(Walk(flow))

    async def _items(self, walk: Walk[Any]) -> AsyncGenerator[Any, None]:
        stream = _Stream(self._http, self._address)
        with closing(walk):
            async with aclosing(stream):
                walk.start()
                while (step := walk.step) is not None:
                    if isinstance(step, Item):
                        yield step.value
                        walk.send(None)
                        continue
                    try:
                        reply = await self._done(step, stream)
                    # An interrupted call may have something to undo.
                    except (Exception, asyncio.CancelledError) as error:
                        walk.throw(error)
                    else:
                        walk.send(reply)

    async def _done(self, step: Step, stream: "_Stream") -> Any:
        match step:
            case Request():
                return await self.carry(attempts(step, self.base_url, self._retries))
            case Attempt():
                return await self._http.send(self._address.built(self._http, step.request))
            case Open():
                return await stream.open(step)
            case Read():
                return await stream.read()
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Setback():
                return await asyncio.sleep(endure(step, self.base_url, self._retries))


class _Stream:
    """The one answer that a call reads as it comes."""

    def __init__(self, http: httpx.AsyncClient, address: Address) -> None:
        self._http, self._address = http, address
        self._answer: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def open(self, step: Open) -> None:
        await self.aclose()
        request = self._address.built(self._http, step.request, step.silence)
        self._answer = await self._http.send(request, stream=True)
        if not self._answer.is_success:
            await self._answer.aread()
        self._chunks = checked(self._answer).aiter_bytes()

    async def read(self) -> bytes | None:
        return None if self._chunks is None else await anext(self._chunks, None)

    async def aclose(self) -> None:
        if self._answer is not None:
            await self._answer.aclose()
            self._answer = None
