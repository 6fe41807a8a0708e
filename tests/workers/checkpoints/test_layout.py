"""Where tensors lie: strides, repeated rows, distance from a cache line."""

import torch

from workers.checkpoints.layout import GAPS, content, describe, restore, size

CPU = torch.device("cpu")


def again(tensor: torch.Tensor) -> torch.Tensor:
    about, numbers = describe(tensor), memoryview(bytes(content(tensor)))
    assert size(about) == len(numbers)
    return restore(about, numbers, CPU)


def test_a_repeated_row_is_stored_once() -> None:
    tensor = torch.arange(4.0)[None].expand(1000, 4)
    assert len(bytes(content(tensor))) == 16
    assert again(tensor).stride() == (0, 1)
    assert torch.equal(again(tensor), tensor)


def test_the_distance_from_a_line_is_kept() -> None:
    whole = torch.arange(64.0, dtype=torch.float64)
    for first in range(9):
        view = whole[first:]
        assert again(view).data_ptr() % 64 == view.data_ptr() % 64
        assert torch.equal(again(view), view)


def test_a_view_of_something_large_takes_little() -> None:
    whole = torch.arange(3.0 * (GAPS + 1)).reshape(3, GAPS + 1)
    view = whole[:, 7]
    kept = again(view)
    assert torch.equal(kept, view)
    assert kept.untyped_storage().nbytes() < 256
    assert kept.stride() == (1,)
