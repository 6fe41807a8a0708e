"""A service that answers every request alike: what the one who measures can do at the most.

python -m tests.load.canned BYTES      prints its port, and serves until it is ended
"""

import asyncio
import sys
from typing import cast

import uvloop


class Canned(asyncio.Protocol):
    """Answers each packet, which is one request."""

    content = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._transport.write(self.content)


def answer(size: int) -> bytes:
    """Return an answer whose body has so many bytes."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


async def serve() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    Canned.content = answer(int(sys.argv[1]))
    uvloop.run(serve())
