"""Functions captured as CUDA graphs where there is a GPU, and called as they are elsewhere."""

import pytest
import torch
from torch import Tensor

from models.captured import BEFORE, Captured

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def curve(z: Tensor) -> tuple[Tensor, ...]:
    return (z.square().sum(1), z.exp())


def test_what_cannot_be_captured_goes_on_as_it_is() -> None:
    told: list[str] = []
    counted = []

    def waiting(z: Tensor) -> tuple[Tensor, ...]:
        # The host waits for a number, which no graph can have it do.
        counted.append(float(z.sum()))
        return curve(z)

    captured = Captured(waiting, told.append)
    for number in range(2 * BEFORE + 2):
        z = torch.full((3, 2), float(number))
        for found, expected in zip(captured(z), curve(z), strict=True):
            torch.testing.assert_close(found, expected)
    assert len(told) == 1, "it is tried once"
    assert counted[-1] == 6.0 * (2 * BEFORE + 1)


@needs_gpu
def test_a_graph_gives_what_the_function_gives() -> None:
    told: list[str] = []
    calls = []

    def counting(z: Tensor) -> tuple[Tensor, ...]:
        calls.append(len(calls))
        return curve(z)

    captured = Captured(counting, told.append)
    kept = []
    for number in range(BEFORE + 5):
        z = torch.full((3, 2), 0.1 * number, device="cuda")
        kept.append((captured(z), curve(z)))
    # At the end: later calls must not write over what earlier ones have returned.
    for found, expected in kept:
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)
    assert told == []
    assert len(calls) == BEFORE + 1, "then the graph is launched"
