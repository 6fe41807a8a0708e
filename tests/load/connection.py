"""A connection that costs the one who measures little: HTTP/1.1, kept alive, one at a time."""

import asyncio
import json
import re
from typing import Any, NamedTuple, Self, cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded."""
        return json.loads(self.body)


def message(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Return the bytes of a request; a body becomes JSON.

    Args:
        method: such as `GET`.
        path: with its query.
        body: any JSON value; None for none.
        headers: further ones, underscores for hyphens.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    content = b""
    if body is not None:
        content = json.dumps(body, separators=(",", ":")).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection(asyncio.Protocol):
    """Sends a message and waits for its answer, whose length is announced."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        #: Where the body begins and ends, once its head is there.
        self._body: tuple[int, int] | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a port of this machine."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        """Send a request; the answer comes by the future."""
        assert self._answer is None, "one request at a time"
        assert self._transport is not None
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        # Not asserted: uvloop's transports are asyncio's in all but their class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what has come of an answer."""
        self._received += data
        if self._body is None:
            self._body = self._measured()
        if self._body is not None and len(self._received) >= self._body[1]:
            begin, end = self._body
            status = int(self._received[9:12])
            answer = Answer(status, bytes(self._received[begin:end]))
            del self._received[:end]
            self._body = None
            self._tell(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(exc or ConnectionResetError("the connection was closed"))

    def _measured(self) -> tuple[int, int] | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        found = _LENGTH.search(self._received, 0, end)
        status = int(self._received[9:12])
        if found is None and status != 204:
            raise ValueError(f"an answer with status {status} and without its length")
        return end + 4, end + 4 + (int(found[1]) if found else 0)

    def _tell(self, answer: Answer) -> None:
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
