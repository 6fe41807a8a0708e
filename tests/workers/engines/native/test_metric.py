"""Metrics bound for the runtime move momenta as the Python metrics do."""

import gc

import pytest
import torch

from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import FLAT, compiled
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import NativeMetric, bind

TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-5}


def moved(runtime, cache_dir, metric: NativeMetric, p: torch.Tensor) -> torch.Tensor:
    """One leapfrog of length one from the origin where no force acts: `A p`."""
    chains, dim = p.shape
    density = compiled(FLAT, dim, torch.zeros(1), cache_dir, p.dtype)
    at = starts.point(runtime, density, torch.zeros_like(p))
    numbers = starts.fixed(chains, 1.0, 1)
    return runtime.hmc(density, metric, at, p, *numbers, proposals=True).proposal


@pytest.mark.parametrize("kind", starts.KINDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("dim", [1, 2, 7, 8, 10, 27])
def test_a_momentum_moves_a_chain(runtime, cache_dir, kind, dtype, dim) -> None:
    metric, p = starts.metric(kind, dim, dtype), starts.normal(5, dim, dtype=dtype)
    seen, tolerance = moved(runtime, cache_dir, bind(metric), p), TOLERANCE[dtype]
    torch.testing.assert_close(seen, metric.move(p), rtol=tolerance, atol=tolerance)


def test_a_root_may_have_a_scale(runtime, cache_dir) -> None:
    metric = Metric(starts.normal(5).exp(), root=starts.metric("dense", 5).root)
    p = starts.normal(3, 5)
    torch.testing.assert_close(moved(runtime, cache_dir, bind(metric), p), metric.move(p))


def test_any_layout_of_the_vectors_will_do(runtime, cache_dir) -> None:
    metric = starts.metric("low_rank", 6)
    assert metric.vectors is not None
    turned = Metric(metric.scale, vectors=metric.vectors.T.contiguous().T, stretch=metric.stretch)
    p = starts.normal(3, 6)
    torch.testing.assert_close(moved(runtime, cache_dir, bind(turned), p), metric.move(p))


def test_what_is_bound_stays_alive(runtime, cache_dir) -> None:
    bound, p = bind(starts.metric("dense", 40)), starts.normal(3, 40)
    before = moved(runtime, cache_dir, bound, p)
    gc.collect()
    _clutter = [starts.normal(40, 40) for _ in range(50)]
    assert torch.equal(moved(runtime, cache_dir, bound, p), before)
