"""What a worker knows of the device that it computes on."""

import torch

from workers.devices import CPU, GPU, gpu_memory, name_of


def test_a_gpu_has_a_name_where_torch_can_use_it() -> None:
    assert name_of(CPU) is None
    assert (name_of(GPU) is not None) == torch.cuda.is_available()


def test_memory_of_a_gpu_is_told_of_errors_that_tell_of_it() -> None:
    assert gpu_memory(ValueError("something else")) is None
    if not torch.cuda.is_initialized():
        assert gpu_memory(torch.OutOfMemoryError("of the host")) is None
