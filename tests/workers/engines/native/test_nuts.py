"""Native NUTS: the target's moments, the Python kernel's trajectories, and lanes of their own."""

import math

import pytest
import torch
from torch import Tensor

from tests.workers.densities import GaussianDensity
from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import FUNNEL, STUDENT, WALLS, compiled, gaussian
from workers.engines.kernels import trajectory
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import bind
from workers.engines.native.outcomes import Moves

COVARIANCE = torch.tensor([[1.0, 1.8], [1.8, 4.0]], dtype=torch.float64)
PARTS = ("draws", "log_density", "acceptance", "energy", "tree_depth", "leapfrogs", "divergent")


def steps(chains: int, size: float) -> Tensor:
    return torch.full((chains,), size, dtype=torch.float64)


def mean_and_error(values: Tensor) -> tuple[float, float]:
    values = values.double()
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def assert_moments(draws: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Chains are independent: their own averages tell the Monte Carlo error."""
    draws = draws.double()
    for seen, expected in ((draws, mean), ((draws - mean) ** 2, variance)):
        averages = seen.mean(1)
        error = averages.std(0) / math.sqrt(len(averages))
        assert bool(((averages.mean(0) - expected).abs() < 4 * error).all())
        assert bool((error < 0.1 * variance.sqrt() * variance.sqrt().clamp(min=1)).all())


def same(a: Moves, b: Moves) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in PARTS]
    return all(torch.equal(*pair) for pair in [*pairs, *zip(a.point, b.point, strict=True)])


def rotated(condition: float, dim: int) -> Tensor:
    """Return a covariance with the given condition number and no direction of its own."""
    turn = torch.linalg.qr(starts.normal(dim, dim, seed=2))[0]
    return turn * torch.logspace(0, math.log10(condition), dim, dtype=torch.float64) @ turn.T


@pytest.mark.parametrize(
    ("kind", "condition", "dtype"),
    [
        ("dense", 1e4, torch.float64),
        ("dense", 100, torch.float32),
        ("diagonal", 30, torch.float64),
        ("low_rank", 30, torch.float64),
    ],
)
def test_the_moments_are_the_targets(runtime, cache_dir, kind, condition, dtype) -> None:
    dim, chains = 5, 50
    covariance, mean = rotated(condition, dim), starts.normal(dim, seed=5)
    density = gaussian(covariance, cache_dir, dtype, mean)
    root = torch.linalg.cholesky(covariance)
    if kind == "dense":
        metric = Metric(torch.ones(dim, dtype=dtype), root=root.to(dtype))
    else:
        metric = starts.metric(kind, dim, dtype)
    start = (mean + starts.normal(chains, dim) @ root.T).to(dtype)
    size = 0.7 if kind == "dense" else 0.4
    moved = runtime.nuts(
        density,
        bind(metric),
        starts.point(runtime, density, start),
        runtime.streams(11, chains),
        steps(chains, size),
        400,
        10,
        threads=2,
    )
    assert_moments(moved.draws, mean, covariance.diagonal())
    assert not bool(moved.divergent.any())
    assert 0.7 < float(moved.acceptance.mean()) < 0.999
    assert 1.5 < float(moved.tree_depth.double().mean()) < 6
    assert torch.equal(moved.draws[:, -1], moved.point.z)
    assert torch.equal(moved.log_density[:, -1], moved.point.log_density)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.2])
@pytest.mark.parametrize("kind", starts.KINDS)
def test_it_does_what_the_python_kernel_does(runtime, cache_dir, kind, step) -> None:
    chains, reference = 4000, GaussianDensity(torch.zeros(2), COVARIANCE)
    density, metric = gaussian(COVARIANCE, cache_dir), starts.metric(kind, 2)
    z = starts.normal(chains, 2) @ torch.linalg.cholesky(COVARIANCE).T
    size = steps(chains, step)
    at = starts.point(runtime, density, z)
    ours = runtime.nuts(density, bind(metric), at, runtime.streams(5, chains), size, 1, 10)
    start = Point(z, *reference.value_and_grad(z))
    theirs = trajectory.nuts(reference, start, size, metric, starts.generator(3), 10)
    seen = (ours.leapfrogs, ours.tree_depth, ours.acceptance, ours.energy)
    expected = (
        theirs.leapfrogs,
        theirs.stats["tree_depth"],
        theirs.acceptance,
        theirs.energy + reference.constant,
    )
    jumps = (((to - z) ** 2).sum(1) for to in (ours.point.z, theirs.point.z))
    for a, b in [*zip(seen, expected, strict=True), tuple(jumps)]:
        (mean, error), (other, other_error) = mean_and_error(a.flatten()), mean_and_error(b)
        assert abs(mean - other) < 4 * math.hypot(error, other_error) + 1e-12


@pytest.mark.parametrize("step", [0.3, 1.5])
def test_the_target_is_invariant(runtime, cache_dir, step) -> None:
    chains = 20_000
    density = gaussian(COVARIANCE, cache_dir)
    z = starts.normal(chains, 2) @ torch.linalg.cholesky(COVARIANCE).T
    at, metric = starts.point(runtime, density, z), bind(Metric(torch.ones(2).double()))
    moved = runtime.nuts(
        density, metric, at, runtime.streams(5, chains), steps(chains, step), 1, 10
    )
    for function in (lambda z: z[:, 0], lambda z: z[:, 0] * z[:, 1], lambda z: z[:, 1] ** 4):
        mean, error = mean_and_error(function(moved.point.z) - function(z))
        assert abs(mean) < 4 * error


def test_heavy_tails_are_drawn(runtime, cache_dir) -> None:
    chains, dim, nu = 200, 3, 6.0
    density = compiled(STUDENT, dim, torch.tensor([nu]), cache_dir)
    at = starts.point(runtime, density, starts.normal(chains, dim))
    metric, streams = bind(Metric(torch.ones(dim).double())), runtime.streams(2, chains)
    early = runtime.nuts(density, metric, at, streams, steps(chains, 0.5), 100, 10)
    made = runtime.nuts(density, metric, early.point, early.streams, steps(chains, 0.5), 500, 10)
    variance = torch.full((dim,), nu / (nu - 2), dtype=torch.float64)
    assert_moments(made.draws, torch.zeros(dim).double(), variance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", starts.KINDS)
def test_many_transitions_are_as_many_calls(runtime, cache_dir, kind, dtype) -> None:
    chains, dim, made = 13, 5, 12
    density = gaussian(rotated(30, dim), cache_dir, dtype)
    metric = bind(starts.metric(kind, dim, dtype))
    start = starts.point(runtime, density, starts.normal(chains, dim, dtype=dtype))
    size = torch.linspace(0.1, 1.0, chains, dtype=torch.float64)
    streams = runtime.streams(5, chains)
    whole = runtime.nuts(density, metric, start, streams, size, made, 8)
    at, rows = start, []
    for _ in range(made):
        step = runtime.nuts(density, metric, at, streams, size, 1, 8)
        at, streams = step.point, step.streams
        rows.append(step)
    for name in PARTS:
        joined = torch.cat([getattr(row, name) for row in rows], dim=1)
        assert torch.equal(joined, getattr(whole, name)), name
    assert torch.equal(streams, whole.streams)
    assert all(map(torch.equal, at, whole.point))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_threads_and_company_change_no_bit(runtime, cache_dir, dtype) -> None:
    chains, dim = 203, 5
    density = gaussian(rotated(30, dim), cache_dir, dtype)
    metric, size = bind(starts.metric("dense", dim, dtype)), steps(chains, 0.3)
    at = starts.point(runtime, density, starts.normal(chains, dim, dtype=dtype))
    streams = runtime.streams(5, chains)
    alone = runtime.nuts(density, metric, at, streams, size, 10, 8)
    assert same(alone, runtime.nuts(density, metric, at, streams, size, 10, 8))
    for threads in (2, 7):
        assert same(alone, runtime.nuts(density, metric, at, streams, size, 10, 8, threads=threads))
    few = Point(*(tensor[:21] for tensor in at))
    some = runtime.nuts(density, metric, few, streams[:21], size[:21], 10, 8)
    assert torch.equal(some.draws, alone.draws[:21])
    far = Point(*(tensor.clone() for tensor in at))
    far.z[3] = 1e6  # ends at once or runs far longer
    value, gradient = runtime.evaluate(density, far.z)
    beside = runtime.nuts(density, metric, Point(far.z, value, gradient), streams, size, 10, 8)
    others = torch.arange(chains) != 3
    assert torch.equal(beside.draws[others], alone.draws[others])


def test_the_necks_divergences_are_reported(runtime, cache_dir) -> None:
    chains, dim = 40, 10
    density = compiled(FUNNEL, dim, torch.zeros(1), cache_dir)
    z = starts.normal(chains, dim)
    metric, streams = bind(Metric(torch.ones(dim).double())), runtime.streams(2, chains)
    at = starts.point(runtime, density, z)
    moved = runtime.nuts(density, metric, at, streams, steps(chains, 0.6), 200, 10)
    assert 0.001 < float(moved.divergent.double().mean()) < 0.5
    assert bool(moved.draws.isfinite().all())
    assert bool(moved.energy.isfinite().all())
    value = runtime.evaluate(density, moved.draws.reshape(-1, dim))[0].reshape(chains, -1)
    torch.testing.assert_close(moved.log_density, value, rtol=1e-12, atol=1e-12)


def test_walls_hold(runtime, cache_dir) -> None:
    chains = 30
    density = compiled(WALLS, 2, torch.zeros(1), cache_dir)
    at = starts.point(runtime, density, torch.zeros(chains, 2).double())
    metric, streams = bind(Metric(torch.ones(2).double())), runtime.streams(2, chains)
    moved = runtime.nuts(density, metric, at, streams, steps(chains, 0.2), 500, 6)
    x = moved.draws[..., 0]
    assert float(x.abs().max()) <= 1
    assert 0.1 < float(moved.divergent.double().mean()) < 0.9
    # A trajectory that meets the wall is cut there; the rest is still the truncated normal.
    error = 4 * x.mean(1).std() / math.sqrt(chains)
    assert abs(float(x.mean())) < error
    variance = 1 - 2 * math.exp(-0.5) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(0.5))
    square = (x**2).mean(1)
    assert abs(float(square.mean()) - variance) < 4 * float(square.std()) / math.sqrt(chains)


def test_depth_is_bounded(runtime, cache_dir) -> None:
    chains = 9
    density = gaussian(COVARIANCE, cache_dir)
    at = starts.point(runtime, density, starts.normal(chains, 2))
    metric, streams = bind(Metric(torch.ones(2).double())), runtime.streams(2, chains)
    for depth in (1, 4):
        moved = runtime.nuts(density, metric, at, streams, steps(chains, 1e-3), 5, depth)
        assert bool((moved.tree_depth == depth).all())
        assert bool((moved.leapfrogs == 2**depth - 1).all())
    with pytest.raises(ValueError, match="max_depth"):
        runtime.nuts(density, metric, at, streams, steps(chains, 1e-3), 5, 0)


def test_a_start_far_away_comes_home(runtime, cache_dir) -> None:
    # The energy error of a leapfrog is largest where the force is: gains of thousands, whose
    # weights would overflow without their offset.
    density = gaussian(torch.eye(2), cache_dir)
    at = starts.point(runtime, density, torch.full((5, 2), 300.0).double())
    metric, streams = bind(Metric(torch.ones(2).double())), runtime.streams(2, 5)
    moved = runtime.nuts(density, metric, at, streams, steps(5, 0.5), 50, 10)
    assert float((moved.energy[:, 0] + at.log_density).min()) < -1000
    assert bool(moved.draws.isfinite().all())
    assert float(moved.draws[:, -1].abs().max()) < 20


def test_no_transitions_change_nothing(runtime, cache_dir) -> None:
    density = gaussian(COVARIANCE, cache_dir)
    at = starts.point(runtime, density, starts.normal(9, 2))
    metric, streams = bind(Metric(torch.ones(2).double())), runtime.streams(2, 9)
    moved = runtime.nuts(density, metric, at, streams, steps(9, 0.5), 0, 5)
    assert moved.draws.shape == (9, 0, 2)
    assert all(map(torch.equal, moved.point, at))
    assert torch.equal(moved.streams, streams)
