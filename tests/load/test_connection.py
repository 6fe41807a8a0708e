"""The clients' connection: whole answers, one for each request, however they are cut."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Sequence

import pytest

from tests.load.connection import Answer, Connection, message


async def served(pieces: Sequence[bytes], requests: int) -> list[Answer]:
    """Ask a server that sends these pieces after each request."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.002)
                if not pieces:
                    break
        writer.close()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await Connection.open(server.sockets[0].getsockname()[1])
    try:
        return [await connection.ask(message("GET", "/")) for _ in range(requests)]
    finally:
        connection.close()
        await over.wait()
        server.close()


WHOLE = b'HTTP/1.1 202 Accepted\r\nX-Length: 3\r\ncontent-length: 8\r\nA: b\r\n\r\n{"a": 1}'


@pytest.mark.parametrize("cuts", [[], [3], [20, 40], [len(WHOLE) - 1], [len(WHOLE) - 8], range(60)])
def test_answers_come_whole(cuts: Sequence[int]) -> None:
    edges = [0, *cuts, len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in itertools.pairwise(edges) if a < b]
    for found in asyncio.run(served(pieces, 3)):
        assert found.status == 202
        assert found.json() == {"a": 1}


def test_an_answer_without_content() -> None:
    found = asyncio.run(served([b"HTTP/1.1 204 No Content\r\n\r\n"], 2))
    assert found == [Answer(204, b"")] * 2


def test_a_connection_that_is_closed_is_said() -> None:
    with pytest.raises(ConnectionResetError):
        asyncio.run(served([], 1))


def test_a_message() -> None:
    head, _, body = message("POST", "/v1/jobs", {"a": [1, 2]}, last_event_id="3").partition(
        b"\r\n\r\n"
    )
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/jobs HTTP/1.1"
    assert {"Host: 127.0.0.1", "last-event-id: 3", f"Content-Length: {len(body)}"} <= set(lines)
    assert json.loads(body) == {"a": [1, 2]}
    assert message("GET", "/").endswith(b"\r\n\r\n")
