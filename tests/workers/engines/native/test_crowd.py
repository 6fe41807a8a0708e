"""Native transitions in step: what they do and learn is what the Python kernels do and learn."""

import math

import pytest
import torch

from tests.workers.densities import GaussianDensity
from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import WALLS, compiled, gaussian
from workers.engines.kernels import length, shared_step
from workers.engines.kernels.march import march
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.pace import Pace
from workers.engines.native.metric import bind

DIM, CHAINS, COUNT = 11, 21, 12
SETTINGS = {"first": 3, "longest": 40}


def covariance() -> torch.Tensor:
    root = starts.normal(DIM, DIM, seed=4)
    return root @ root.T / DIM + torch.eye(DIM, dtype=torch.float64)


def pace(size: float = 0.4, chains: int = CHAINS) -> Pace:
    refusals = torch.zeros(chains, dtype=torch.float64)
    refusals[2] = 4.0
    return Pace(shared_step.start(size), length.start(2.0), refusals)


def numbers(dim: int = DIM, chains: int = CHAINS, dtype=torch.float64):
    momenta = starts.normal(COUNT, chains, dim, seed=6, dtype=dtype)
    u = torch.rand(COUNT, chains, generator=starts.generator(7), dtype=torch.float64)
    return momenta, u.log()


@pytest.mark.parametrize("target", [0.8, None])
@pytest.mark.parametrize("kind", starts.KINDS)
@pytest.mark.parametrize("chains", [CHAINS, 10])
def test_it_does_and_learns_what_the_python_kernels_do(
    runtime, cache_dir, kind, target, chains
) -> None:
    mean, metric = starts.normal(DIM, seed=5), starts.metric(kind, DIM)
    density = gaussian(covariance(), cache_dir, mean=mean)
    at = starts.point(runtime, density, starts.normal(chains, DIM))
    reference = GaussianDensity(mean, covariance())
    # The two densities differ by a constant.
    theirs = at._replace(log_density=reference.value(at.z))
    known, drawn = pace(chains=chains), numbers(chains=chains)
    made = runtime.crowd(density, bind(metric), at, known, *drawn, target=target, **SETTINGS)
    expected = march(reference, metric, theirs, known, *drawn, target=target, **SETTINGS)
    assert torch.equal(made.leapfrogs, expected.leapfrogs)
    assert torch.equal(made.divergent, expected.divergent)
    assert torch.equal(made.pace.refusals, expected.pace.refusals)
    for name in ("draws", "acceptance"):
        one, other = getattr(made, name), getattr(expected, name)
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(made.point.z, made.draws[:, -1], rtol=0, atol=0)
    for part in ("step", "length"):
        for one, other in zip(
            vars(getattr(made.pace, part)).values(),
            vars(getattr(expected.pace, part)).values(),
            strict=True,
        ):
            assert math.isclose(one, other, rel_tol=1e-7, abs_tol=1e-9)
    if target is not None:
        assert made.pace.length != known.length
        assert made.gradients is not None
        assert expected.gradients is not None
        torch.testing.assert_close(made.gradients, expected.gradients, rtol=1e-8, atol=1e-8)


def test_what_is_written_down_is_of_the_draws(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    metric = bind(starts.metric("diagonal", DIM))
    made = runtime.crowd(density, metric, at, pace(), *numbers(), target=0.8, **SETTINGS)
    for k in range(COUNT):
        value, gradient = runtime.evaluate(density, made.draws[:, k].contiguous())
        torch.testing.assert_close(made.log_density[:, k], value, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(made.gradients[:, k], gradient, rtol=1e-12, atol=1e-12)
    assert bool((made.energy >= -made.log_density).all())
    assert 0.0 < float(made.acceptance.min()) < float(made.acceptance.max()) == 1.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", starts.KINDS)
def test_threads_and_blocks_of_transitions_change_nothing(runtime, cache_dir, kind, dtype) -> None:
    density = gaussian(covariance(), cache_dir, dtype)
    metric = bind(starts.metric(kind, DIM, dtype))
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM, dtype=dtype))
    momenta, log_u = numbers(dtype=dtype)
    whole = runtime.crowd(
        density, metric, at, pace(), momenta, log_u, target=0.8, threads=3, **SETTINGS
    )
    one = runtime.crowd(
        density, metric, at, pace(), momenta[:5], log_u[:5], target=0.8, first=3, longest=40
    )
    two = runtime.crowd(
        density, metric, one.point, one.pace, momenta[5:], log_u[5:],
        target=0.8, first=8, longest=40,
    )  # fmt: skip
    assert torch.equal(torch.cat([one.draws, two.draws], 1), whole.draws)
    assert (two.pace.step, two.pace.length) == (whole.pace.step, whole.pace.length)
    assert torch.equal(two.pace.refusals, whole.pace.refusals)


def test_nothing_passed_in_is_written_to(runtime, cache_dir) -> None:
    density = gaussian(covariance(), cache_dir)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    before, known = at.z.clone(), pace()
    metric = bind(starts.metric("diagonal", DIM))
    runtime.crowd(density, metric, at, known, *numbers(), target=0.8, **SETTINGS)
    assert torch.equal(at.z, before)
    assert torch.equal(known.refusals, pace().refusals)


def test_lost_trajectories_teach_no_nonsense(runtime, cache_dir) -> None:
    density = compiled(WALLS, 2, torch.zeros(1), cache_dir)
    at = starts.point(runtime, density, torch.zeros(24, 2, dtype=torch.float64))
    momenta, log_u = numbers(2, 24)
    momenta[:, ::3] *= 50.0
    metric = bind(Metric(torch.ones(2, dtype=torch.float64)))
    known, settings = pace(chains=24), {"target": 0.8, **SETTINGS}
    made = runtime.crowd(density, metric, at, known, momenta, log_u, **settings)
    assert bool(made.divergent.any())
    assert math.isfinite(made.pace.step.size)
    assert math.isfinite(made.pace.length.now)
    every = runtime.crowd(density, metric, at, known, momenta * 1e9, log_u, **settings)
    assert bool(every.divergent.all())
    assert every.pace.step.size < made.pace.step.size
    assert math.isfinite(every.pace.length.now)
