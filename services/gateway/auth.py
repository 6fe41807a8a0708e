"""From where the gateway may be spoken to, and where it may listen.

A web page in a browser on this machine can reach loopback too: by its own origin, or by a name
that resolves to 127.0.0.1 (DNS rebinding). The `Host` and `Origin` headers tell such requests.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.errors import ForbiddenError
from services.gateway.caller import LOCAL
from services.gateway.loopback import is_loopback
from services.gateway.problems import refusal

__all__ = ["OWNER", "OriginGuard", "UnsafeBindError", "check_bind", "is_loopback", "names_of"]

#: Whose everything is where no key is asked for.
OWNER = LOCAL.owner


class UnsafeBindError(Exception):
    """Without keys the service binds to loopback only: make one with `credence keys create`, ask
    for keys that are made later with --require-keys, or for none with --insecure."""

    def __init__(self, host: str) -> None:
        sentence = " ".join((type(self).__doc__ or "").split())
        super().__init__(f"refusing to bind {host!r}: {sentence}")


def check_bind(host: str, insecure: bool, has_keys: Callable[[], bool] = lambda: False) -> None:
    """Refuse to listen where others could reach a service without keys.

    Args:
        host: what to bind to.
        insecure: whether that is to be so, or keys are asked for though there are none yet.
        has_keys: whether somebody has a key; asked only when it matters.

    Raises:
        UnsafeBindError: `host` is not loopback, `insecure` is false, and nobody has a key.
    """
    if not insecure and not is_loopback(host) and not has_keys():
        raise UnsafeBindError(host)


def names_of(host: str, allowed_hosts: tuple[str, ...] | None) -> frozenset[str] | None:
    """Return by which names, besides loopback's, a service may be called; None for any name.

    Args:
        host: what it is bound to. On loopback a name of elsewhere is an attack (see above). A
            container's port published on loopback is the same, but the service cannot know.
        allowed_hosts: what it was told.
    """
    if allowed_hosts is not None:
        return frozenset(allowed_hosts)
    return frozenset() if is_loopback(host) else None


class OriginGuard:
    """Refuses requests that a web page sent from elsewhere."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        """Wrap an application.

        Args:
            app: what answers the others.
            names: from `names_of`.
        """
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            try:
                self._check(Headers(scope=scope))
            except ForbiddenError as error:
                await refusal(error, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        name = _name(host)
        if self._names is not None and name not in self._names and not is_loopback(name):
            raise ForbiddenError(
                "The Host header does not name this service; use http://127.0.0.1 or localhost, "
                "or let CREDENCE_ALLOWED_HOSTS list the name."
            )
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host.lower():
            raise ForbiddenError("Web pages of another origin may not use this service.")


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
