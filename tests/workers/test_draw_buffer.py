"""Draws leave in blocks, constrained, in order and in float64."""

import numpy as np
import torch

from tests.workers.densities import FunctionDensity
from workers.draw_buffer import MOST_DRAWS, DrawBuffer
from workers.draws import MemorySink
from workers.engines.engine import Info


def density(dtype: torch.dtype = torch.float64) -> FunctionDensity:
    return FunctionDensity(
        lambda x: -x.sum(1),
        {"a": ((), "real"), "s": ((2,), "positive")},
        deterministics={"total": lambda x: x.sum(1)},
        dtype=dtype,
    )


def info(z: torch.Tensor) -> Info:
    return Info("sample", 1, 1, draws=z, stats={"divergent": torch.ones(z.shape[:2]) > 0})


def test_draws_one_by_one_come_out_whole() -> None:
    sink = MemorySink()
    buffer = DrawBuffer(density(), sink)
    z = torch.randn(3, 250, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for k in range(250):
        buffer.add(info(z[:, k : k + 1]))
    written = sink.draws().draws
    assert written == 200
    buffer.flush()
    draws = sink.draws()
    assert draws.names() == ("a", "s", "total")
    np.testing.assert_array_equal(draws.values("a"), z[..., 0].numpy())
    np.testing.assert_array_equal(draws.values("s"), z[..., 1:].exp().numpy())
    assert draws.values("total").shape == (3, 250)
    assert draws.stats("divergent").dtype == np.float64
    assert draws.stats("divergent").sum() == 750


def test_a_large_step_is_written_in_parts() -> None:
    class Counting(MemorySink):
        blocks = 0

        def write(self, draws, stats) -> None:
            self.blocks += 1
            assert draws["a"].shape[1] <= MOST_DRAWS
            super().write(draws, stats)

    sink = Counting()
    buffer = DrawBuffer(density(torch.float32), sink)
    buffer.add(info(torch.zeros(1, 1000, 3)))
    assert sink.blocks == 10
    assert sink.draws().values("s").shape == (1, 1000, 2)
    assert sink.draws().values("s").dtype == np.float64


def test_a_draw_that_is_not_finite_is_seen() -> None:
    buffer = DrawBuffer(density(), MemorySink())
    buffer.add(info(torch.full((2, 100, 3), torch.nan)))
    assert not buffer.finite


def test_a_step_without_draws_adds_nothing() -> None:
    sink = MemorySink()
    buffer = DrawBuffer(density(), sink)
    buffer.add(Info("warmup", 1, 2))
    buffer.flush()
    assert sink.draws().draws == 0
