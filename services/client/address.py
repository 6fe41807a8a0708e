"""The service's address, and what every connection to it has in common."""

import os
from dataclasses import dataclass
from typing import Any

import httpx

from services.client.errors import InputError
from services.client.steps import Request

#: Where the key is looked for unless it is given; not an argument of commands, which others see.
KEY_VARIABLE = "CREDENCE_KEY"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Address:
    """Where the service is and how it is spoken to."""

    #: Such as `http://127.0.0.1:8000`.
    base_url: str
    #: Seconds to wait for each answer.
    timeout: float
    #: Sent as `Authorization: Bearer KEY`; None for that of the environment, if any.
    key: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `httpx.Client` and `httpx.AsyncClient`.

        Raises:
            InputError: it is no URL.
        """
        try:
            host = httpx.URL(self.base_url).host
        except httpx.InvalidURL as error:
            where = f"the address {self.base_url}"
            raise InputError(where, f"write http://HOST:PORT ({error})") from None
        key = self.key or os.environ.get(KEY_VARIABLE)
        return {
            "base_url": self.base_url.rstrip("/"),
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "timeout": self.timeout,
            # A proxy named in the environment cannot reach a service on this machine's loopback.
            "trust_env": host not in _LOOPBACK,
        }

    def built(
        self, http: httpx.Client | httpx.AsyncClient, request: Request, silence: float | None = None
    ) -> httpx.Request:
        """Return a request ready to be sent.

        Args:
            http: by whom.
            request: what to ask.
            silence: seconds between two bytes of a stream, in place of the time for an answer.
        """
        timeout = self.timeout if silence is None else httpx.Timeout(self.timeout, read=silence)
        return http.build_request(
            request.method,
            request.path,
            content=request.content,
            params=request.parameters,
            headers=request.sent_headers,
            timeout=timeout,
        )
