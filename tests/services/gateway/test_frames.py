"""Messages arrive whole, or not at all."""

import socket
import threading
from collections.abc import Iterator

import pytest

from services.gateway import frames

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_large_message_arrives_whole(pair: Pair) -> None:
    message = {"y": list(range(500_000))}
    sender = threading.Thread(target=frames.send, args=(pair[0], message, 30))
    sender.start()
    assert frames.receive(pair[1], 30) == message
    sender.join()


def test_silence_times_out(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        frames.receive(pair[0], 0.05)


def test_half_a_message_times_out(pair: Pair) -> None:
    pair[0].sendall((100).to_bytes(8, "big") + b"[1,")
    with pytest.raises(TimeoutError):
        frames.receive(pair[1], 0.05)


def test_a_message_that_nobody_takes_times_out(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        frames.send(pair[0], "x" * 10**8, 0.05)


def test_the_end_of_the_other_side_is_told(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises(frames.ClosedError):
        frames.receive(pair[0], 1)
    with pytest.raises(frames.ClosedError):
        frames.send(pair[0], "x" * 10**7, 1)
