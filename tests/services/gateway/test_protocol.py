"""Heads that do not end, over real sockets."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from services.gateway.protocol import MAX_HEAD, BoundedProtocol

BODY = b"x" * (2 * MAX_HEAD)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the number of bytes of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    content = str(size).encode()
    length = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    config = uvicorn.Config(
        app, port=0, http=BoundedProtocol, log_level="error", ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = server.servers[0].sockets[0].getsockname()
    with contextlib.closing(socket.create_connection(address, timeout=30)) as found:
        yield found
    server.should_exit = server.force_exit = True
    thread.join()


def post(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size


def answer(peer: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        found += peer.recv(4096)
    return found


def test_a_body_is_no_head(peer: socket.socket) -> None:
    for _ in range(2):
        peer.sendall(post(len(BODY)) + BODY)
        found = answer(peer)
        assert found.startswith(b"HTTP/1.1 200")
        assert found.endswith(b"%d" % len(BODY))


def test_a_long_head_is_a_head(peer: socket.socket) -> None:
    line = b"a: " + b"b" * 1000 + b"\r\n"
    peer.sendall(post(0)[:-2] + line * 200)
    time.sleep(0.2)
    peer.sendall(line * 100 + b"\r\n")
    assert answer(peer).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("piece", [b"a: b\r\n", b"b" * 6])
def test_a_head_without_end_is_refused(peer: socket.socket, piece: bytes) -> None:
    peer.sendall(post(0)[:-2] + b"a: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 10 * MAX_HEAD:
            peer.sendall(piece * 10_000)
            sent += 10_000 * len(piece)
        assert peer.recv(12) == b"HTTP/1.1 400"
        while peer.recv(1 << 16):
            pass
    assert sent < 10 * MAX_HEAD or not peer.recv(1)
