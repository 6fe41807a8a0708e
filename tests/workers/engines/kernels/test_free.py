"""NUTS on the compiled tier in blocks: where they end, and that they make no difference."""

from itertools import pairwise

import pytest
import torch

from models.traced import TracedDensity
from tests.workers.engines.posted import density_of
from workers.engines.kernels import free
from workers.engines.kernels.sampler import SamplerState
from workers.engines.kernels.windows import schedule
from workers.engines.nuts import Nuts, NutsOptions
from workers.goal import Goal

OPTIONS = NutsOptions(chains=4, warmup=120, draws=40)


def density() -> TracedDensity:
    return density_of("regression", "compiled")


def begun(options: NutsOptions = OPTIONS, seed: int = 3) -> SamplerState:
    return Nuts(options).init(density(), torch.Generator().manual_seed(seed))


def whole(options: NutsOptions = OPTIONS) -> tuple[list[SamplerState], list[torch.Tensor]]:
    """Return the states of a run, and its blocks of draws."""
    engine, at, states, draws = Nuts(options), density(), [begun(options)], []
    while engine.done(states[-1]) is None:
        state, info = engine.step(at, states[-1])
        states.append(state)
        if info.draws is not None:
            draws.append(info.draws)
    return states, draws


def same(one: SamplerState, other: SamplerState) -> bool:
    known = [
        (state.known.step.log_step, state.known.step.log_average, state.known.metric.scale)
        for state in (one, other)
    ]
    pairs = [*zip(one.point, other.point, strict=True), *zip(*known, strict=True)]
    return all(bool((a == b).all()) for a, b in pairs) and one.leapfrogs == other.leapfrogs


def test_blocks_end_where_something_is_learnt() -> None:
    states, draws = whole()
    ends = {state.iteration for state in states}
    plan = schedule(OPTIONS.warmup)
    assert {plan.slow.start, *(end + 1 for end in plan.ends), OPTIONS.warmup, 160} <= ends
    steps = [b.iteration - a.iteration for a, b in pairwise(states)]
    assert max(steps) == free.BLOCK
    assert [block.shape[1] for block in draws] == [25, 15]


@pytest.mark.parametrize("metric", ["diagonal", "low_rank", "dense"])
def test_the_length_of_a_block_changes_no_bit(monkeypatch: pytest.MonkeyPatch, metric: str) -> None:
    options = OPTIONS.model_copy(update={"metric": metric})
    states, draws = whole(options)
    for block in (1, 7):
        monkeypatch.setattr(free, "BLOCK", block)
        others, pieces = whole(options)
        assert bool((torch.cat(draws, 1) == torch.cat(pieces, 1)).all())
        assert same(states[-1], others[-1])
        assert bool((states[-1].random == others[-1].random).all())


def test_every_chain_has_a_stream_of_its_own() -> None:
    state = begun()
    assert state.streams is None
    after, _ = Nuts(OPTIONS).step(density(), state)
    assert after.streams is not None
    assert after.streams.shape == (4, 4)
    assert len(after.streams.unique(dim=0)) == 4
    assert not bool((after.random == state.random).all())
    assert state.streams is None  # nothing of the old state is written to


def test_a_step_writes_to_nothing_of_its_state() -> None:
    engine, at = Nuts(OPTIONS), density()
    state, _ = engine.step(at, begun())
    kept = [x.clone() for x in (*state.point, state.streams, state.known.step.log_step)]
    first, again = (engine.step(at, state)[0] for _ in range(2))
    now = [*state.point, state.streams, state.known.step.log_step]
    assert all(bool((a == b).all()) for a, b in zip(kept, now, strict=True))
    assert same(first, again)


def test_a_point_carries_its_own_height_and_gradient() -> None:
    states, _ = whole()
    for state in states[1:]:
        value, gradient = density().value_and_grad(state.point.z)
        torch.testing.assert_close(state.point.log_density, value, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(state.point.gradient, gradient, rtol=1e-10, atol=1e-10)


def test_leapfrogs_and_statistics_agree() -> None:
    engine, at = Nuts(OPTIONS), density()
    state, total = begun(), 0
    while engine.done(state) is None:
        before = state
        state, info = engine.step(at, state)
        if info.draws is None:
            continue
        assert state.leapfrogs - before.leapfrogs == int(info.stats["leapfrogs"].sum())
        # A doubling that turned back counts in the leapfrogs, and not in the depth.
        depth, count = info.stats["tree_depth"], info.stats["leapfrogs"]
        assert bool((2**depth - 1 <= count).all())
        assert bool((count <= 2 ** (depth + 1) - 1).all())
        assert bool((info.draws[:, -1] == state.point.z).all())
        assert bool((info.stats["log_density"][:, -1] == state.point.log_density).all())
        total += info.draws.shape[1]
    assert total == OPTIONS.draws


def test_steps_stop_for_every_look() -> None:
    options = OPTIONS.model_copy(update={"until": Goal(ess_bulk=1e9)})
    _, draws = whole(options)
    assert [block.shape[1] for block in draws] == [13, 18, 9]
    _, plain = whole()
    assert bool((torch.cat(draws, 1) == torch.cat(plain, 1)).all())


@pytest.mark.parametrize("warmup", [0, 1, 19, 21])
def test_short_warm_ups(warmup: int) -> None:
    options = OPTIONS.model_copy(update={"warmup": warmup, "draws": 5})
    states, draws = whole(options)
    assert states[-1].iteration == warmup + 5
    assert bool(torch.cat(draws, 1).isfinite().all())


def test_a_run_that_ended_can_be_made_longer() -> None:
    options = OPTIONS.model_copy(update={"draws": 65})
    ended = whole()[0][-1]
    more = Nuts(options).step(density(), ended)[1].draws
    assert bool((torch.cat(whole(options)[1], 1)[:, OPTIONS.draws :] == more).all())
