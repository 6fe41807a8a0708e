"""Verdicts on rows that leave for infinity or for the edge of a support."""

import torch

from models.density import Target
from tests.workers.densities import FunctionDensity
from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.verdict import EDGE, PATIENCE, at_edge, ran_away
from workers.results import Outcome

MODEL = FunctionDensity(
    lambda x: -(x[:, :1] ** 2) - x[:, 1:].log(), {"a": ((), "real"), "s": ((), "positive")}
)


def climbed(z: list[float]) -> LbfgsState:
    objective = Objective(MODEL, Target.LIKELIHOOD)
    state = start_lbfgs(objective, torch.tensor([z], dtype=torch.float64))
    return step_lbfgs(objective, state, torch.tensor([True]))


def test_a_row_that_rises_beyond_all_scales_has_run_away() -> None:
    rows = climbed([0.1, -250.0])
    verdict = ran_away(MODEL, rows, torch.zeros(1))
    assert verdict is not None
    assert verdict.outcome == Outcome.UNBOUNDED
    assert verdict.endless is not None
    assert verdict.endless.tolist() == [0.0, -1.0]


def test_a_row_may_pass_the_edge_for_a_while() -> None:
    rows = climbed([0.1, -EDGE - 5])
    assert at_edge(MODEL, rows.z).tolist() == [True]
    assert ran_away(MODEL, rows, torch.tensor([1.0])) is None
    assert ran_away(MODEL, rows, torch.tensor([PATIENCE + 1.0])) is not None


def test_a_large_real_coordinate_is_no_edge() -> None:
    assert at_edge(MODEL, torch.tensor([[1e6, 0.0]], dtype=torch.float64)).tolist() == [False]
