"""What is still under way when the server goes down: told to come back, not that we failed."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.errors import BusyError
from services.gateway.problems import refusal


class Farewell:
    """Answers 503 where the server gives a request up; it would be a bare 500 else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; nobody but a server whose patience is over cancels a whole request."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http" or begun:
                raise
            error = BusyError(
                "The service goes down. Ask again in some seconds, with the same Idempotency-Key "
                "if there was one: it may have been done."
            )
            answer = refusal(error, scope["path"])
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
