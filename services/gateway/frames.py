"""JSON messages over a socket pair, each after its length: how the gateway speaks to a checker."""

import json
import socket
import time
from typing import Any

_LENGTH_BYTES = 8


class ClosedError(Exception):
    """The other side is gone."""


def send(channel: socket.socket, message: Any, timeout: float | None = None) -> None:
    """Send one message.

    Raises:
        TimeoutError: the other side did not take it in time.
        ClosedError: the other side is gone.
    """
    body = json.dumps(message).encode()
    channel.settimeout(timeout)
    try:
        channel.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)
    except TimeoutError:
        raise
    except OSError as error:
        raise ClosedError from error


def receive(channel: socket.socket, timeout: float | None = None) -> Any:
    """Return the next message.

    Raises:
        TimeoutError: it did not come whole in time.
        ClosedError: the other side is gone.
    """
    until = None if timeout is None else time.monotonic() + timeout
    length = int.from_bytes(_exactly(channel, _LENGTH_BYTES, until), "big")
    return json.loads(_exactly(channel, length, until))


def _exactly(channel: socket.socket, count: int, until: float | None) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        channel.settimeout(left)
        try:
            part = channel.recv(min(count - len(data), 2**20))
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedError from error
        if not part:
            raise ClosedError
        data += part
    return bytes(data)
