"""The format of stored state: a header in JSON, the tensors' numbers, a checksum.

    8 bytes      CREDENCE
    8 bytes      the header's length, little endian
    header       {"version", "about", "structure", "tensors": [...]}
    numbers      of every tensor in order
    32 bytes     SHA-256 of all before

Nothing in it is executed: it is JSON and numbers, and its classes are looked up in a table.
"""

import hashlib
import json
from typing import Any, BinaryIO

import torch

from workers.checkpoints import layout
from workers.checkpoints.errors import PacketError
from workers.checkpoints.tree import put_together, take_apart

MAGIC, VERSION = b"CREDENCE", 1
#: Bytes before the header, and of the checksum.
_BEFORE, _SUM = 16, 32
#: What a header has.
_NAMES = ("version", "about", "structure", "tensors")
#: Bytes of a header at the most.
LONGEST = 1 << 28


def pack(value: Any, about: dict[str, Any]) -> bytes:
    """Return a value as bytes.

    Args:
        value: see `tree.py` for what it may hold.
        about: JSON that `peek` returns without reading the rest.
    """
    structure, tensors = take_apart(value)
    header = {
        "version": VERSION,
        "about": about,
        "structure": structure,
        "tensors": [layout.describe(tensor) for tensor in tensors],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    parts: list[bytes | memoryview] = [MAGIC, len(text).to_bytes(8, "little"), text]
    parts.extend(map(layout.content, tensors))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([*parts, digest.digest()])


def peek(file: BinaryIO) -> dict[str, Any]:
    """Return what a packet says about itself; its content may still turn out to be damaged.

    Raises:
        PacketError: it is no packet, or one of another version.
    """
    before = file.read(_BEFORE)
    length = int.from_bytes(before[8:], "little")
    if before[:8] != MAGIC or len(before) < _BEFORE or length > LONGEST:
        raise PacketError("this is no stored state")
    about: dict[str, Any] = _header(file.read(length))["about"]
    return about


def unpack(packet: bytes, device: torch.device) -> Any:
    """Return the value; its tensors that were not on the host go to `device`.

    Raises:
        PacketError: the packet is cut short or damaged, or holds what this version does not know.
    """
    view = memoryview(packet)
    if len(view) < _BEFORE + _SUM or hashlib.sha256(view[:-_SUM]).digest() != view[-_SUM:]:
        raise PacketError("stored state is cut short or damaged: its checksum is wrong")
    at = _BEFORE + int.from_bytes(view[8:_BEFORE], "little")
    header = _header(bytes(view[_BEFORE:at]))
    tensors = []
    for about in header["tensors"]:
        size = layout.size(about)
        tensors.append(layout.restore(about, view[at : at + size], device))
        at += size
    return put_together(header["structure"], tensors)


def _header(text: bytes) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(text)
        version = {name: header[name] for name in _NAMES}["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise PacketError("the header of stored state cannot be read") from error
    if version != VERSION:
        raise PacketError(f"stored state of version {version}; this program knows {VERSION}")
    return header
