"""Keys asked for, before anything of a request is read."""

from dataclasses import replace

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from services.errors import RateLimitedError, ServiceError, UnauthorizedError
from services.gateway.authority import Authority
from services.gateway.caller import LOCAL, Caller
from services.gateway.problems import refusal
from services.gateway.rates import Rates
from workers.errors import WorkerError
from workers.trail import NOWHERE

#: What shows nothing of anybody's: probes, counters, and the pages that describe the service.
OPEN = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"})


class KeyGuard:
    """Passes on who asks, as `request.state.caller`, and refuses whoever has no key."""

    def __init__(self, app: ASGIApp, required: bool, authority: Authority, rates: Rates) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            required: whether keys are asked for; if not, everything is `LOCAL`'s.
            authority: knows the keys.
            rates: how often one may ask.
        """
        self._app, self._required = app, required
        self._authority, self._rates = authority, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
        except (ServiceError, WorkerError) as error:
            await refusal(error, scope["path"])(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["caller"] = replace(caller, trail=state.get("trail", NOWHERE))
        with bound_contextvars(owner=caller.owner):
            await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        if not self._required or scope["path"] in OPEN:
            return LOCAL
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthorizedError
        caller = await self._authority.identify(key.strip())
        wait = self._rates.take(caller.key or "")
        if wait > 0:
            raise RateLimitedError(wait)
        return caller
