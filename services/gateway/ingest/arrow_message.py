"""What one message of an Arrow stream takes when it is decoded, told from its head.

The head is a flatbuffer (Message.fbs and Schema.fbs of the Arrow format), of which pyarrow shows
nothing before it has decoded the body. Tables are reached through a table of offsets, vectors hold
their length; all integers are little-endian.
"""

import struct
from typing import Any

_RECORD_BATCH = 3
_DICTIONARY_BATCH = 2


def decoded_size(message: Any) -> int:
    """Return the bytes that a message's arrays take: the most that its lengths or buffers say.

    Args:
        message: a `pyarrow.ipc.Message`.

    Raises:
        ValueError: the head is damaged.
    """
    head = memoryview(message.metadata)
    try:
        root = _uint(head, 0)
        kind = _field(head, root, 1)
        if kind == 0 or head[kind] not in (_RECORD_BATCH, _DICTIONARY_BATCH):
            return 0
        batch = _child(head, root, 2)
        if head[kind] == _DICTIONARY_BATCH:
            batch = _child(head, batch, 1)
        return max(_lengths(head, batch), _buffers(head, batch, message))
    except (struct.error, IndexError) as error:
        raise ValueError(f"a message's head is damaged: {error}") from None


def _lengths(head: memoryview, batch: int) -> int:
    """Return eight bytes for every entry of every array, nested ones included."""
    start, count = _vector(head, batch, 1)
    entries = [struct.unpack_from("<q", head, start + 16 * i)[0] for i in range(count)]
    if any(length < 0 for length in entries):
        raise ValueError("an array has a negative length")
    return 8 * sum(entries)


def _buffers(head: memoryview, batch: int, message: Any) -> int:
    """Return the sizes of all buffers; each compressed one begins with its size without it."""
    start, count = _vector(head, batch, 2)
    compressed = _field(head, batch, 3) != 0
    body = memoryview(message.body) if message.body is not None else memoryview(b"")
    size = 0
    for index in range(count):
        offset, length = struct.unpack_from("<qq", head, start + 16 * index)
        if offset < 0 or length < 0 or offset + length > len(body):
            raise ValueError("a buffer lies outside its message")
        if compressed and length:
            announced = struct.unpack_from("<q", body, offset)[0]
            # -1: left as it is, because compression did not make it smaller.
            length = length - 8 if announced == -1 else announced
            if length < 0:
                raise ValueError("a buffer announces a negative size")
        size += length
    return size


def _uint(head: memoryview, position: int) -> int:
    return int(struct.unpack_from("<I", head, position)[0])


def _field(head: memoryview, table: int, slot: int) -> int:
    """Return the position of a table's field; 0 where it is absent."""
    offsets = table - struct.unpack_from("<i", head, table)[0]
    if offsets < 0:
        raise ValueError("a message's head is damaged")
    if 4 + 2 * slot >= struct.unpack_from("<H", head, offsets)[0]:
        return 0
    offset = struct.unpack_from("<H", head, offsets + 4 + 2 * slot)[0]
    return table + offset if offset else 0


def _child(head: memoryview, table: int, slot: int) -> int:
    position = _field(head, table, slot)
    if position == 0:
        raise ValueError("a message's head lacks a part")
    return position + _uint(head, position)


def _vector(head: memoryview, table: int, slot: int) -> tuple[int, int]:
    """Return where a vector's entries begin and how many there are."""
    if _field(head, table, slot) == 0:
        return 0, 0
    start = _child(head, table, slot)
    return start + 4, _uint(head, start)
