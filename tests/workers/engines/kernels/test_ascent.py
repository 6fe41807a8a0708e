"""The climb as a whole: handing over, large models, stopping."""

import numpy as np
import torch

from models.density import Target
from tests.workers.densities import FunctionDensity, GaussianDensity
from tests.workers.engines.climbing import climb
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState, start_ascent, step_ascent
from workers.engines.kernels.ascent_report import ascent_findings
from workers.engines.kernels.objective import Objective
from workers.engines.mle import Mle, MleOptions
from workers.results import Outcome


def gaussian(dim: int) -> GaussianDensity:
    scale = torch.linspace(0.5, 3.0, dim, dtype=torch.float64)
    return GaussianDensity(torch.arange(dim).double() / dim, torch.diag(scale))


def steps(density: GaussianDensity, count: int) -> AscentState:
    objective, options = Objective(density, Target.LIKELIHOOD), MleOptions(restarts=2)
    z = density.initial(torch.Generator().manual_seed(0), 2)
    state = start_ascent(objective, z)
    for _ in range(count):
        if state.verdict is None:
            state = step_ascent(objective, state, options)
    return state


def test_newton_takes_over_at_the_highest_row() -> None:
    state = steps(gaussian(3), 100)
    assert state.top is not None
    assert state.verdict is not None
    assert state.verdict.outcome == Outcome.CONVERGED
    torch.testing.assert_close(state.top.z, gaussian(3).loc, atol=1e-10, rtol=0)


def test_a_model_too_large_for_a_hessian_has_estimates_without_errors() -> None:
    density = gaussian(HESSIAN_LIMIT + 1)
    found = climb(Mle(MleOptions(restarts=1)), density)
    assert found.outcome == Outcome.CONVERGED
    assert found.mle is not None
    estimate = found.mle.estimate["x"]
    assert np.abs(np.array(estimate.value) - density.loc.numpy()).max() < 1e-3
    assert estimate.standard_error is None
    assert found.mle.curvature is not None
    assert found.mle.curvature.classification == "unknown"
    assert found.diagnostics is not None
    assert [w.code for w in found.diagnostics.warnings] == ["no_standard_errors"]


def test_a_climb_that_was_stopped_reports_where_it_was() -> None:
    density = gaussian(3)
    state = steps(density, 2)
    found = ascent_findings(density, Target.LIKELIHOOD, state, Outcome.STOPPED, MleOptions())
    assert found.outcome == Outcome.STOPPED
    assert found.mle is not None
    assert found.mle.iterations == 2
    assert found.mle.estimate["x"].standard_error is None


def test_a_saddle_is_named_when_the_climb_ends_there() -> None:
    model = FunctionDensity(
        lambda x: x[:, :1] ** 2 - 2 * x[:, 1:] ** 2 - 1e6 * (x[:, :1].abs() > 1e-9),
        {"m": ((2,), "real")},
        start=lambda generator, count: torch.zeros(count, 2, dtype=torch.float64),
    )
    found = climb(Mle(MleOptions(restarts=1)), model)
    assert found.outcome == Outcome.MAX_ITERATIONS
    assert found.mle is not None
    assert found.mle.curvature is not None
    assert found.mle.curvature.classification == "saddle"
    assert set(found.mle.curvature.direction or {}) == {"m[0]"}
    assert "saddle" in found.message
