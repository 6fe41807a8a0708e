"""Every chain's own randomness."""

import math

import pytest
import torch
from scipy import stats

from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import FLAT, compiled
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import bind


def test_streams_are_reproducible_and_apart(runtime) -> None:
    streams = runtime.streams(7, 1000)
    assert torch.equal(streams, runtime.streams(7, 1000))
    assert torch.equal(streams[990:], runtime.streams(7, 10, first=990))
    assert len(streams.flatten().unique()) == 4000
    others = torch.cat([streams, runtime.streams(8, 1000), runtime.streams(2**64 - 1, 1000)])
    assert len(others.flatten().unique()) == 12_000


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_momenta_are_standard_normal(runtime, cache_dir, dtype) -> None:
    # Where no force acts, one leapfrog of length 1 moves by the momentum, and is always taken.
    chains, made, dim = 64, 500, 10
    density = compiled(FLAT, dim, torch.zeros(1), cache_dir, dtype)
    at = starts.point(runtime, density, torch.zeros(chains, dim, dtype=dtype))
    metric, size = bind(Metric(torch.ones(dim, dtype=dtype))), torch.ones(chains).double()
    moved = runtime.nuts(density, metric, at, runtime.streams(3, chains), size, made, 1)
    start = torch.zeros(chains, 1, dim, dtype=dtype)
    p = torch.cat([start, moved.draws], dim=1).diff(dim=1).double().flatten()
    assert stats.kstest(p.numpy(), "norm").pvalue > 1e-3
    tail = p[p.abs() > 3.4426].abs()  # beyond the ziggurat's last edge
    expected = len(p) * math.erfc(3.4426 / math.sqrt(2))
    assert abs(len(tail) - expected) < 4 * math.sqrt(expected)
    assert float(p.abs().max()) > 4
    columns = p.reshape(-1, dim)
    correlation = torch.corrcoef(columns.T) - torch.eye(dim).double()
    assert float(correlation.abs().max()) < 5 / math.sqrt(len(columns))
