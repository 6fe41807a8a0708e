"""The phases of a variational fit, step by step."""

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.engine import Info
from workers.engines.kernels.variational import advance, begin, complete
from workers.engines.kernels.vi_options import ViOptions
from workers.engines.kernels.vi_state import ViState
from workers.results import Outcome

DENSITY = GaussianDensity(torch.ones(2), torch.diag(torch.tensor([4.0, 0.25])))


def run(options: ViOptions) -> tuple[ViState, list[Info]]:
    state, infos = begin(options, DENSITY, torch.Generator().manual_seed(0)), []
    while not complete(options, state):
        state, info = advance(options, DENSITY, state)
        infos.append(info)
    return state, infos


def test_progress_counts_every_step_and_ends_at_its_total() -> None:
    _, infos = run(ViOptions(steps=40, draws=300))
    assert [info.done for info in infos] == list(range(1, len(infos) + 1))
    assert infos[-1].done == infos[-1].total
    assert [info.phase for info in infos].index("draw") > 40


def test_draws_stop_where_asked_and_weights_go_on() -> None:
    state, infos = run(ViOptions(steps=40, draws=300))
    drawn = [info.draws for info in infos if info.draws is not None]
    assert sum(block.shape[1] for block in drawn) == 300
    assert len(state.weights) == 4000
    # Antithetic pairs: the mean of a block of draws is the guide's.
    mean = torch.cat(drawn, 1).mean((0, 1))
    assert state.fit is not None
    torch.testing.assert_close(mean, state.fit.frame.place(state.fit.average[0][None])[0])


def test_the_average_covers_the_end_of_an_unfinished_fit() -> None:
    state, _ = run(ViOptions(steps=80, draws=10))
    assert state.outcome == Outcome.MAX_ITERATIONS
    assert state.fit is not None
    assert state.fit.count == 10
    assert state.fit.trace[-1][0] == 80


def test_a_point_is_not_settled_and_not_judged() -> None:
    state, infos = run(ViOptions(guide="delta", steps=40, draws=30))
    assert state.settle is None
    assert len(state.weights) == 30
    assert infos[-1].done == infos[-1].total
    assert state.fit is not None
    torch.testing.assert_close(state.fit.frame.place(state.fit.average[0][None])[0], DENSITY.loc)
