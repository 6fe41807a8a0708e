"""Server-sent events come out whole however the bytes were cut."""

import pytest

from services.client.events import Event, Parser

STREAM = (
    b": a comment\n\n"
    b'id: 1\nevent: state\ndata: {"state": "running"}\n\n'
    b'id:2\r\nevent:log\r\ndata:{"message":\r\ndata:"a\xe2\x80\xa8b"}\r\n\r\n'
    b'retry: 10\nunknown: x\n\nid: 3\nevent: progress\rdata: {"done": 1}\r\r'
    b'id: 4\nevent: state\ndata: {"state": "succ'
)
EVENTS = [
    Event(1, "state", {"state": "running"}),
    Event(2, "log", {"message": "a\u2028b"}),
    Event(3, "progress", {"done": 1}),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_events_are_read_at_any_cut(size: int) -> None:
    parser = Parser()
    pieces = [STREAM[i : i + size] for i in range(0, len(STREAM), size)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_an_event_comes_with_its_blank_line_not_with_the_next_bytes(end: bytes) -> None:
    parser = Parser()
    text = b'id: 1%sevent: log%sdata: {"n": 1}' % (end[: len(end) // 2], end[: len(end) // 2])
    assert list(parser.feed(text)) == []
    assert list(parser.feed(end)) == [Event(1, "log", {"n": 1})]
    assert list(parser.feed(b": ping\n\n")) == []
