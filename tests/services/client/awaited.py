"""An AsyncClient that a synchronous test can speak to: what holds for one face holds for both."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any, Self

from services.client import AsyncClient


class Awaited:
    """Runs each method of an AsyncClient to its end; what it would hand out comes as a list."""

    def __init__(self, url: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(url, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner as runner:
            runner.run(self._client.close())

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            return self._runner.run(answer if inspect.iscoroutine(answer) else listed(answer))

        return run


async def listed(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]
