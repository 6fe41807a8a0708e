"""The device that a worker computes on: the CPU, or the one GPU that its process is shown."""

import os

import torch

CPU, GPU = "cpu", "cuda"
#: What cuBLAS needs to add up in one order, see `torch.use_deterministic_algorithms`.
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def name_of(device: str) -> str | None:
    """Return a GPU's name; None where it is none, or one that this torch cannot use."""
    if device == CPU:
        return None
    if device != GPU:
        return device
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def repeat_exactly() -> None:
    """Let this process compute on its GPU the same bits from the same numbers.

    To be called before anything is computed. An operation that has no such form warns.
    """
    os.environ.setdefault(*_CUBLAS)
    torch.use_deterministic_algorithms(True, warn_only=True)


def gpu_memory(error: BaseException) -> tuple[int, int] | None:
    """Return the bytes that were held at the most of a GPU whose memory ran out, and all it has.

    Args:
        error: None is returned of one that tells of something else.
    """
    if not isinstance(error, torch.OutOfMemoryError) or not torch.cuda.is_initialized():
        return None
    return torch.cuda.max_memory_allocated(), torch.cuda.mem_get_info()[1]
