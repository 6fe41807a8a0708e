"""Which numbers are drawn: the worst R-hat first, or those that are named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.errors import InvalidInputError
from services.plots.choice import choose
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink

SUMMARY: dict[str, Any] = {
    "mu": {"sd": 1.0, "r_hat": 1.02, "ess_bulk": 100.0},
    "theta": {"sd": [1.0, 1.0, 1.0], "r_hat": [1.0, 1.5, None], "ess_bulk": [9.0, 8.0, None]},
    "L": {"sd": [[0.0, 0.0], [1.0, 0.0]], "r_hat": [[None, None], [1.01, None]]},
}


@pytest.fixture
def draws(tmp_path: Path) -> ArrowDraws:
    sink = ArrowSink(Artifacts(tmp_path.as_uri()), "jobs/a/1", lambda kind, payload: None)
    shapes = {"mu": (), "theta": (3,), "L": (2, 2)}
    sink.write({name: np.zeros((2, 4, *shape)) for name, shape in shapes.items()}, {})
    return sink.draws()


def names(draws: ArrowDraws, wanted: str | None, most: int = 20) -> tuple[list[str], int]:
    found, among = choose(draws, SUMMARY, wanted, most)
    return [candidate.name for candidate in found], among


def test_the_worst_r_hat_comes_first_and_constants_never(draws: ArrowDraws) -> None:
    # An entry that moves and has no R-hat stands still in every chain: nothing is worse.
    wanted = ["theta[2]", "theta[1]", "mu", "L[1,0]", "theta[0]"]
    assert names(draws, None) == (wanted, 5)
    assert names(draws, None, most=2) == (wanted[:2], 5)


def test_without_a_summary_the_model_s_order_stands(draws: ArrowDraws) -> None:
    found, among = choose(draws, {}, None, 3)
    assert ([c.name for c in found], among) == (["mu", "theta[0]", "theta[1]"], 8)
    assert found[0].r_hat is None


def test_quantities_and_entries_are_named(draws: ArrowDraws) -> None:
    assert names(draws, "L[1,0], mu,theta") == (
        ["L[1,0]", "mu", "theta[0]", "theta[1]", "theta[2]"],
        5,
    )
    assert names(draws, "theta[1],theta,L", most=4) == (
        ["theta[1]", "theta[0]", "theta[2]", "L[0,0]"],
        7,
    )
    found, _ = choose(draws, SUMMARY, "theta[1]", 20)
    assert (found[0].r_hat, found[0].ess_bulk) == (1.5, 8.0)


@pytest.mark.parametrize("wanted", ["nu", "theta[3]", "L[1]", "", "mu,", "mu[0]", "theta[0", "<b>"])
def test_what_there_is_not_is_refused(draws: ArrowDraws, wanted: str) -> None:
    with pytest.raises(InvalidInputError, match="mu, theta, L") as caught:
        choose(draws, SUMMARY, wanted, 20)
    assert caught.value.complaints[0].path == "parameters"
