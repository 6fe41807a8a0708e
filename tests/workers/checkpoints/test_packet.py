"""Values to bytes and back, bit for bit; what is damaged is refused."""

import io
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.checkpoints.values import VALUES, same
from workers.checkpoints.checkpoint import Checkpoint, Told
from workers.checkpoints.errors import PacketError
from workers.checkpoints.packet import MAGIC, pack, peek, unpack

CPU = torch.device("cpu")
PACKET = pack(Checkpoint(3, {"z": torch.arange(6.0)}, told=Told({"sample": 0.5})), {"step": 3})


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert same(unpack(pack(value, {}), CPU), value)


@given(VALUES)
def test_equal_values_have_equal_bytes(value: Any) -> None:
    packet = pack(value, {"step": 1})
    assert pack(unpack(packet, CPU), {"step": 1}) == packet


def test_what_it_says_of_itself_is_read_alone() -> None:
    assert peek(io.BytesIO(PACKET[:-40])) == {"step": 3}


@given(st.integers(0, len(PACKET) - 1))
def test_a_packet_cut_short_is_refused(length: int) -> None:
    with pytest.raises(PacketError):
        unpack(PACKET[:length], CPU)


@given(st.integers(0, 8 * len(PACKET) - 1))
def test_a_packet_with_a_wrong_bit_is_refused(bit: int) -> None:
    content = bytearray(PACKET)
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PacketError, match="checksum"):
        unpack(bytes(content), CPU)


@given(st.binary(max_size=64))
def test_what_is_no_packet_is_refused(content: bytes) -> None:
    for start in (b"", MAGIC, MAGIC + (8).to_bytes(8, "little")):
        with pytest.raises(PacketError):
            peek(io.BytesIO(start + content))
        with pytest.raises(PacketError):
            unpack(start + content, CPU)
