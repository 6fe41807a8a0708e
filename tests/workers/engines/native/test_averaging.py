"""Dual averaging within a call: the Python recurrences, chain by chain."""

import math

import torch

from tests.workers.engines.native import starts
from tests.workers.engines.native.compiled import gaussian
from workers.engines.kernels import dual_averaging
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import bind
from workers.engines.native.outcomes import Averaging

DIM, CHAINS = 4, 13


def begun(step_size: torch.Tensor) -> Averaging:
    state = dual_averaging.start(step_size)
    none = torch.zeros(len(step_size), dtype=torch.int64)
    return Averaging(state.log_step, state.log_average, state.error, state.mu, none)


def run(runtime, cache_dir, state: Averaging, transitions: int, target: float = 0.8):
    density = gaussian(torch.eye(DIM), cache_dir)
    at = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    metric, streams = bind(Metric(torch.ones(DIM).double())), runtime.streams(4, CHAINS)
    return runtime.nuts(density, metric, at, streams, state, transitions, 8, target=target)


def test_each_chain_follows_the_recurrences(runtime, cache_dir) -> None:
    first = torch.linspace(0.05, 2.0, CHAINS, dtype=torch.float64)
    made = run(runtime, cache_dir, begun(first), 40, target=0.7)
    state = dual_averaging.start(first)
    for acceptance in made.acceptance.unbind(1):
        state = dual_averaging.update(state, acceptance, 0.7)
    for name in ("log_step", "log_average", "error", "mu"):
        seen, expected = getattr(made.averaging, name), getattr(state, name)
        torch.testing.assert_close(seen, expected, rtol=1e-12, atol=1e-12)
    assert bool((made.averaging.updates == 40).all())


def test_the_acceptance_reaches_its_target(runtime, cache_dir) -> None:
    made = run(runtime, cache_dir, begun(torch.full((CHAINS,), 1e-3).double()), 1500)
    seen = made.acceptance[:, 500:].mean(1)
    assert bool(((seen - 0.8).abs() < 0.03).all())
    assert 0.5 < math.exp(float(made.averaging.log_average.mean())) < 2


def test_a_state_is_taken_up_where_it_was_left(runtime, cache_dir) -> None:
    density = gaussian(torch.eye(DIM), cache_dir)
    start = starts.point(runtime, density, starts.normal(CHAINS, DIM))
    metric, streams = bind(Metric(torch.ones(DIM).double())), runtime.streams(4, CHAINS)
    state = begun(torch.full((CHAINS,), 0.1).double())
    before = [tensor.clone() for tensor in state]
    whole = runtime.nuts(density, metric, start, streams, state, 20, 8)
    half = runtime.nuts(density, metric, start, streams, state, 10, 8)
    rest = runtime.nuts(density, metric, half.point, half.streams, half.averaging, 10, 8)
    assert torch.equal(torch.cat([half.draws, rest.draws], dim=1), whole.draws)
    assert all(map(torch.equal, rest.averaging, whole.averaging))
    assert all(map(torch.equal, state, before))
