"""The start of a variational fit."""

import math
from typing import Any

import pytest
import torch

from models.density import AbstractLogDensity
from tests.workers.densities import GaussianDensity, funnel
from workers.engines.kernels.guides import GUIDES, build_guide
from workers.engines.kernels.seek import SeekState, start_seek, step_seek


def seek(density: AbstractLogDensity, name: Any) -> SeekState:
    generator, guide = torch.Generator().manual_seed(0), build_guide(name, density.parameters)
    state = start_seek(density, guide, density.initial(generator, 4))
    while not state.done:
        state = step_seek(density, guide, state, generator)
    return state


@pytest.mark.parametrize("name", GUIDES)
def test_a_normal_is_found_whole(name: str) -> None:
    loc = torch.tensor([3e4, -1e-3], dtype=torch.float64)
    covariance = torch.tensor([[1e6, 0.5], [0.5, 1e-6]], dtype=torch.float64)
    state = seek(GaussianDensity(loc, covariance), name)
    torch.testing.assert_close(state.frame.centre, loc, rtol=1e-5, atol=1e-8)
    dense = GUIDES[name].dense
    expected = (
        torch.linalg.cholesky(covariance)
        if dense
        else torch.tensor([math.sqrt(0.75e6), math.sqrt(0.75e-6)]).double()
    )
    torch.testing.assert_close(state.frame.root, expected, rtol=1e-6, atol=1e-9)


def test_the_bulk_of_a_funnel_beats_its_mode() -> None:
    state = seek(funnel(), "mean_field")
    # The density is highest at v = -40 and beyond; its bulk is |v| < 6.
    assert abs(float(state.frame.centre[0])) < 6
    standard = -0.5 * 10 * (1 + math.log(2 * math.pi))
    assert state.score > -9 + standard  # the score leaves out the entropy's constant
