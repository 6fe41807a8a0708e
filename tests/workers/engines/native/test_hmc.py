"""Native transitions of fixed length: the Python kernels' motion, reversible, exact."""

import math

import pytest
import torch

from tests.workers.densities import GaussianDensity, funnel
from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import FUNNEL, WALLS, compiled, gaussian
from workers.engines.kernels.initial import Point
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import bind

DIM = 11
CHAINS = 13


def covariance(dim: int = DIM) -> torch.Tensor:
    root = starts.normal(dim, dim, seed=4)
    return root @ root.T / dim + torch.eye(dim, dtype=torch.float64)


@pytest.fixture(params=["gaussian", "funnel"])
def pair(request, cache_dir):
    """A compiled density and the same for the Python kernels."""
    if request.param == "gaussian":
        mean = starts.normal(DIM, seed=5)
        density = gaussian(covariance(), cache_dir, mean=mean)
        return density, GaussianDensity(mean, covariance())
    return compiled(FUNNEL, DIM, torch.zeros(1), cache_dir), funnel(DIM - 1)


@pytest.mark.parametrize("kind", starts.KINDS)
def test_the_motion_is_that_of_the_python_kernels(runtime, pair, kind) -> None:
    density, reference = pair
    metric = starts.metric(kind, DIM)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    p = starts.normal(CHAINS, DIM, seed=6)
    step = torch.linspace(0.02, 0.12, CHAINS, dtype=torch.float64)
    leaps = torch.arange(CHAINS) % 5 + 9
    moved = runtime.hmc(density, bind(metric), at, p, step, leaps, step.log(), proposals=True)
    phase = Phase(at.z, p, at.gradient, reference.value(at.z))
    initial = log_joint(phase)
    for n in range(int(leaps.max())):
        phase = leapfrog(reference, phase, stride(step * (leaps > n), metric))
    rise = gain(phase, initial)
    torch.testing.assert_close(moved.proposal, phase.z, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(moved.proposal_momentum, phase.p, rtol=1e-10, atol=1e-10)
    expected = rise.clamp(max=0).exp()
    torch.testing.assert_close(moved.acceptance, expected, rtol=1e-9, atol=1e-9)
    accepted = step.log() < rise
    kept = torch.where(accepted[:, None], phase.z, at.z)
    torch.testing.assert_close(moved.point.z, kept, rtol=1e-10, atol=1e-10)
    value, gradient = runtime.evaluate(density, moved.point.z)
    torch.testing.assert_close(moved.point.log_density, value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moved.point.gradient, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", starts.KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_going_back_arrives_at_the_start(runtime, cache_dir, kind, dtype) -> None:
    density = gaussian(covariance(), cache_dir, dtype)
    metric = bind(starts.metric(kind, DIM, dtype))
    z = starts.normal(CHAINS, DIM, dtype=dtype)
    p = starts.normal(CHAINS, DIM, seed=6, dtype=dtype)
    numbers = starts.fixed(CHAINS, 0.1, 40)
    there = runtime.hmc(
        density, metric, starts.point(runtime, density, z), p, *numbers, proposals=True
    )
    turned = starts.point(runtime, density, there.proposal)
    back = runtime.hmc(density, metric, turned, -there.proposal_momentum, *numbers, proposals=True)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-4
    torch.testing.assert_close(back.proposal, z, rtol=0, atol=tolerance)
    torch.testing.assert_close(-back.proposal_momentum, p, rtol=0, atol=tolerance)


def test_acceptance_balances_there_and_back(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    metric, numbers = bind(starts.metric("dense", DIM)), starts.fixed(CHAINS, 0.6, 5)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    p = starts.normal(CHAINS, DIM, seed=6)
    there = runtime.hmc(density, metric, at, p, *numbers, proposals=True)
    end = starts.point(runtime, density, there.proposal)
    back = runtime.hmc(density, metric, end, -there.proposal_momentum, *numbers)
    kinetic = 0.5 * (p * p).sum(1), 0.5 * (there.proposal_momentum**2).sum(1)
    joint, joint_there = at.log_density - kinetic[0], end.log_density - kinetic[1]
    flow = (joint_there - joint).exp() * back.acceptance
    torch.testing.assert_close(there.acceptance, flow, rtol=1e-9, atol=0)
    assert bool(((there.acceptance == 1) | (back.acceptance == 1)).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_target_is_invariant(runtime, cache_dir, dtype) -> None:
    chains, spread = 20_000, torch.tensor([[1.0, 1.8], [1.8, 4.0]], dtype=torch.float64)
    density = gaussian(spread, cache_dir, dtype)
    start = (starts.normal(chains, 2) @ torch.linalg.cholesky(spread).T).to(dtype)
    at = starts.point(runtime, density, start)
    size, leaps, _ = starts.fixed(chains, 0.7, 4)
    u = torch.rand(chains, generator=starts.generator(3), dtype=torch.float64)
    p = starts.normal(chains, 2, seed=6, dtype=dtype)
    metric = bind(Metric(torch.ones(2, dtype=dtype)))
    moved = runtime.hmc(density, metric, at, p, size, leaps, u.log())
    assert 0.3 < float(moved.acceptance.mean()) < 0.95
    for function in (lambda z: z[:, 0], lambda z: z[:, 0] * z[:, 1], lambda z: z[:, 1] ** 4):
        change = (function(moved.point.z) - function(start)).double()
        assert abs(float(change.mean())) < 4 * float(change.std()) / math.sqrt(chains)


def test_energy_is_that_of_the_point_kept(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    metric, (size, leaps, _) = bind(starts.metric("diagonal", DIM)), starts.fixed(CHAINS, 0.5, 7)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    p = starts.normal(CHAINS, DIM, seed=6)
    for log_u, accepts in ((-torch.inf, True), (torch.inf, False)):
        threshold = torch.full_like(size, log_u)
        moved = runtime.hmc(density, metric, at, p, size, leaps, threshold, proposals=True)
        momentum = moved.proposal_momentum if accepts else p
        energy = 0.5 * (momentum**2).sum(1) - moved.point.log_density
        torch.testing.assert_close(moved.energy, energy, rtol=1e-12, atol=0)
        assert torch.equal(moved.point.z, moved.proposal if accepts else at.z)


def test_a_lost_chain_is_a_divergence_and_touches_no_other(runtime, cache_dir) -> None:
    density = compiled(WALLS, 2, torch.zeros(1), cache_dir)
    metric, numbers = bind(Metric(torch.ones(2).double())), starts.fixed(24, 0.3, 30)
    z = torch.zeros(24, 2).double()
    p = torch.full((24, 2), 0.3).double()
    calm = runtime.hmc(density, metric, starts.point(runtime, density, z), p, *numbers)
    assert not bool(calm.divergent.any())
    p[[3, 9, 17]] *= torch.tensor([[9.0, 1], [-9.0, 1], [9.0, 1]]).double()
    p[16:] = 9.0  # a whole block
    moved = runtime.hmc(density, metric, starts.point(runtime, density, z), p, *numbers)
    lost = torch.zeros(24, dtype=torch.bool)
    lost[[3, 9, *range(16, 24)]] = True
    assert torch.equal(moved.divergent, lost)
    assert torch.equal(moved.point.z[lost], z[lost])
    assert bool((moved.acceptance[lost] == 0).all())
    assert torch.equal(moved.point.z[~lost], calm.point.z[~lost])


def test_a_chain_that_is_done_waits_where_it_is(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    metric = bind(starts.metric("low_rank", DIM))
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    p = starts.normal(CHAINS, DIM, seed=6)
    size, leaps, log_u = starts.fixed(CHAINS, 0.1, 3)
    mixed = leaps.clone()
    mixed[4:] = 50
    alone = runtime.hmc(density, metric, at, p, size, leaps, log_u, proposals=True)
    beside = runtime.hmc(density, metric, at, p, size, mixed, log_u, proposals=True)
    assert torch.equal(alone.proposal[:4], beside.proposal[:4])
    assert torch.equal(alone.proposal_momentum[:4], beside.proposal_momentum[:4])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_threads_and_company_change_no_bit(runtime, cache_dir, dtype) -> None:
    density = gaussian(covariance(), cache_dir, dtype)
    metric, chains = bind(starts.metric("dense", DIM, dtype)), 203
    at = starts.point(runtime, density, starts.normal(chains, DIM, dtype=dtype))
    p = starts.normal(chains, DIM, seed=6, dtype=dtype)
    numbers = starts.fixed(chains, 0.2, 9)
    alone = runtime.hmc(density, metric, at, p, *numbers)
    for threads in (2, 5):
        many = runtime.hmc(density, metric, at, p, *numbers, threads=threads)
        assert torch.equal(many.point.z, alone.point.z)
        assert torch.equal(many.energy, alone.energy)
    few = Point(*(tensor[:21] for tensor in at))
    some = runtime.hmc(density, metric, few, p[:21], *(each[:21] for each in numbers))
    assert torch.equal(some.point.z, alone.point.z[:21])


def test_nothing_passed_in_is_written_to(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    p = starts.normal(CHAINS, DIM, seed=6)
    before = [tensor.clone() for tensor in (*at, p)]
    metric = bind(starts.metric("dense", DIM))
    runtime.hmc(density, metric, at, p, *starts.fixed(CHAINS, 0.2, 9))
    assert all(map(torch.equal, before, (*at, p)))
