"""The driver counts what was answered, and at a pace it leaves no waiting out."""

import asyncio
import time

import pytest

from tests.load.connection import message
from tests.load.driver import closed, paced, run
from tests.load.parts.ceiling import canned
from tests.load.timings import Timings

#: Seconds for which a slow service does nothing.
PAUSE = 0.3


def get(number: int) -> bytes:
    return message("GET", f"/{number}")


class Pausing(asyncio.Protocol):
    """Answers at once, but for one pause of all: what stops the world."""

    began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b" /20 " in data:
            # Everybody waits, as for a collection of garbage.
            time.sleep(PAUSE)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_so_many_are_asked_once_each() -> None:
    with canned(10) as port:
        bodies: list[bytes] = []
        found = run(
            closed(
                port,
                get,
                clients=7,
                seconds=60.0,
                expected=200,
                most=100,
                take=lambda answer: bodies.append(answer.body),
            )
        )
    assert len(found.seconds) == 100
    assert bodies == [b"x" * 10] * 100
    assert found.rate == pytest.approx(100 / found.over)


def test_it_ends_in_time_and_counts_the_unexpected_apart() -> None:
    with canned(0) as port:
        began = time.perf_counter()
        found = run(closed(port, get, clients=2, seconds=0.3, expected=201))
    assert time.perf_counter() - began < 5.0
    assert found.seconds == []
    assert set(found.refused) == {200}
    assert found.refused[200] > 10


def test_a_pace_is_kept() -> None:
    with canned(0) as port:
        found = run(paced(port, get, rate=200.0, clients=4, seconds=0.5, expected=200))
    assert len(found.seconds) == 100
    assert 0.45 < found.over < 5.0


async def _paced_while_pausing(clients: int) -> Timings:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Pausing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = await paced(port, get, rate=100.0, clients=clients, seconds=1.0, expected=200)
    server.close()
    return found


@pytest.mark.parametrize("clients", [1, 20])
def test_who_was_due_while_the_service_paused_has_waited(clients: int) -> None:
    # About thirty requests were due within the pause; asked one after the other, and timed from
    # when they were sent, only one would have waited.
    found = run(_paced_while_pausing(clients))
    assert len(found.seconds) == 100
    assert sum(seconds > PAUSE / 3 for seconds in found.seconds) >= 15
    assert found.percentile(99) > 0.8 * PAUSE
