"""Evaluation, threads, padding and what is refused."""

import ctypes
import dataclasses
import os

import pytest
import torch

from tests.workers.densities import GaussianDensity
from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import WALLS, compiled, gaussian
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import bind

COVARIANCE = torch.tensor([[1.0, 1.8, 0], [1.8, 4.0, 0.1], [0, 0.1, 2.0]], dtype=torch.float64)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("chains", [1, 7, 8, 16, 45])
def test_points_are_evaluated(runtime, cache_dir, dtype, chains) -> None:
    density = gaussian(COVARIANCE, cache_dir, dtype)
    reference = GaussianDensity(torch.zeros(3), COVARIANCE)
    z = starts.normal(chains, 3, dtype=dtype)
    value, gradient = runtime.evaluate(density, z)
    expected, slope = reference.value_and_grad(z.double())
    tolerance = TOLERANCE[dtype]
    assert value.dtype == torch.float64
    torch.testing.assert_close(value, expected - reference.constant, rtol=0, atol=10 * tolerance)
    torch.testing.assert_close(gradient.double(), slope, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dim", [1, 5, 8, 9, 16, 33])
def test_any_dimension_fits(runtime, cache_dir, dim) -> None:
    density = gaussian(torch.eye(dim), cache_dir)
    z = starts.normal(11, dim)
    value, gradient = runtime.evaluate(density, z)
    torch.testing.assert_close(value, -0.5 * (z * z).sum(1))
    assert torch.equal(gradient, -z)


def test_threads_change_no_bit(runtime, cache_dir) -> None:
    density = gaussian(COVARIANCE, cache_dir)
    z = starts.normal(203, 3)
    alone = runtime.evaluate(density, z)
    for threads in (0, 2, 3, 64):
        assert all(map(torch.equal, runtime.evaluate(density, z, threads), alone))


def test_a_lost_chain_is_its_own_affair(runtime, cache_dir) -> None:
    density = compiled(WALLS, 2, torch.zeros(1), cache_dir)
    z = torch.tensor([[0.5, 1.0], [2.0, 1.0], [-2.0, 1.0]], dtype=torch.float64)
    value, gradient = runtime.evaluate(density, z)
    assert value[0] == -0.625
    assert value[1].isnan()
    assert value[2] == torch.inf
    assert torch.equal(gradient[0], -z[0])


def test_no_chains_are_no_work(runtime, cache_dir) -> None:
    value, gradient = runtime.evaluate(gaussian(COVARIANCE, cache_dir), torch.zeros(0, 3).double())
    assert value.shape == (0,)
    assert gradient.shape == (0, 3)


@pytest.mark.parametrize(
    "z", [torch.zeros(4, 2).double(), torch.zeros(4, 3), torch.zeros(3, 4).double().T]
)
def test_a_tensor_that_does_not_fit_is_refused(runtime, cache_dir, z) -> None:
    with pytest.raises(ValueError, match="a contiguous tensor"):
        runtime.evaluate(gaussian(COVARIANCE, cache_dir), z)


def test_a_metric_that_does_not_fit_is_refused(runtime, cache_dir) -> None:
    density = gaussian(COVARIANCE, cache_dir)
    at = starts.point(runtime, density, torch.zeros(2, 3).double())
    for metric in (Metric(torch.ones(2).double()), Metric(torch.ones(3))):
        with pytest.raises(ValueError, match="does not fit"):
            runtime.hmc(density, bind(metric), at, at.z, *starts.fixed(2, 0.1, 1))


def test_foreign_lanes_are_refused(runtime, cache_dir) -> None:
    density = gaussian(COVARIANCE, cache_dir)
    struct = density.owner[1]
    other = (type(struct))(*struct)
    other[1] = 4
    foreign = dataclasses.replace(density, address=ctypes.addressof(other), owner=other)
    with pytest.raises(RuntimeError, match="lanes"):
        runtime.evaluate(foreign, torch.zeros(2, 3).double())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(runtime, cache_dir) -> None:
    density = gaussian(COVARIANCE, cache_dir)
    z = starts.normal(64, 3)
    expected = runtime.evaluate(density, z, 2)
    child = os.fork()
    if child == 0:
        same = all(map(torch.equal, runtime.evaluate(density, z, 2), expected))
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
