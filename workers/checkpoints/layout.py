"""Tensors as bytes, and back to the same layout in memory.

A sum or a matrix product may round otherwise where its operands lie otherwise: strided, or off the
boundary of a cache line. So that a restored run gives the same bits, a tensor comes back with the
strides that it had, and as far from such a boundary.
"""

import math
from typing import Any

import torch
from torch import Tensor

from workers.checkpoints.errors import PacketError

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.bfloat16, torch.float16,
        torch.int64, torch.int32, torch.uint8, torch.bool,
    )
}  # fmt: skip
#: Bytes of a cache line, and of torch's own alignment.
LINE = 64
#: Numbers between a view's own at the most: many views of one large tensor share it, and would take
#: as much memory each. Such a view comes back without gaps.
GAPS = 1 << 14


def describe(tensor: Tensor) -> dict[str, Any]:
    """Return what `restore` must know beside the bytes, as JSON."""
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "stride": list(tensor.stride()),
        "offset": tensor.data_ptr() % LINE // tensor.element_size(),
        "host": tensor.device.type == "cpu",
    }


def content(tensor: Tensor) -> memoryview:
    """Return a tensor's numbers as bytes, those that are repeated by a stride of 0 once."""
    distinct = _distinct(tensor.detach()).cpu()
    # What torch calls contiguous may have any stride where there is nothing to step over.
    flat = distinct.clone(memory_format=torch.contiguous_format).reshape(-1)
    return flat.view(torch.uint8).numpy().data


def size(about: dict[str, Any]) -> int:
    """Return how many bytes `content` made.

    Raises:
        PacketError: this is no description of a tensor.
    """
    try:
        lengths = zip(about["shape"], about["stride"], strict=True)
        distinct = math.prod(min(n, 1) if stride == 0 else n for n, stride in lengths)
        return int(distinct * _DTYPES[about["dtype"]].itemsize)
    except (KeyError, TypeError, ValueError) as error:
        raise PacketError(f"a tensor is described as {about!r:.200}") from error


def restore(about: dict[str, Any], numbers: memoryview, device: torch.device) -> Tensor:
    """Return the tensor; one that was not on the host goes to `device`.

    Args:
        about: what `describe` returned.
        numbers: what `content` returned, `size(about)` bytes.
        device: the run's.

    Raises:
        PacketError: the description is not one that `describe` makes.
    """
    dtype = _DTYPES[about["dtype"]]
    shape, stride, offset = about["shape"], about["stride"], about["offset"]
    if min([offset, *shape, *stride]) < 0 or offset >= LINE:
        raise PacketError(f"a tensor is described as {about!r:.200}")
    if _extent(shape, stride) - math.prod(shape) > GAPS:
        stride = _packed(shape, stride)
    extent = _extent(shape, stride)
    where = torch.device("cpu") if about["host"] else device
    storage = torch.zeros(offset + extent, dtype=dtype, device=where)
    tensor = storage.as_strided(shape, stride, offset)
    distinct = _distinct(tensor)
    if distinct.numel():
        flat = torch.frombuffer(bytearray(numbers), dtype=torch.uint8).view(dtype)
        distinct.copy_(flat.reshape(distinct.shape))
    return tensor


def _distinct(tensor: Tensor) -> Tensor:
    for axis, (length, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if stride == 0 and length > 1:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _extent(shape: list[int], stride: list[int]) -> int:
    """Return how many numbers lie from the first to the last, both included."""
    if not math.prod(shape):
        return 0
    return 1 + sum((n - 1) * by for n, by in zip(shape, stride, strict=True))


def _packed(shape: list[int], stride: list[int]) -> list[int]:
    """Return strides in the same order without gaps."""
    packed, by = [0] * len(shape), 1
    for axis in sorted(range(len(shape)), key=lambda axis: stride[axis]):
        if stride[axis]:
            packed[axis], by = by, by * max(shape[axis], 1)
    return packed
