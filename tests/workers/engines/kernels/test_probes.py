"""Ridges and endless slopes, told from maxima."""

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.special import expit
from torch import Tensor

from models.compile import compile_model
from models.definition import parse_definition
from models.density import Target
from tests.workers.densities import FunctionDensity
from workers.draws import MemorySink
from workers.engines.kernels.newton import NewtonState, start_newton, step_newton
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.probes import endless_direction, flat_directions, is_steady
from workers.engines.kernels.spectrum import spectrum
from workers.engines.mle import Mle, MleOptions
from workers.results import Outcome
from workers.runner import run
from workers.unattended import Unattended

TWO = {"x": ((2,), "real")}


def at_rest(objective: Objective, z: list[float]) -> NewtonState:
    state = start_newton(objective, torch.tensor(z, dtype=torch.float64))
    while not (state.converged or state.stuck):
        state = step_newton(objective, state, 1e-10)
    return state


def line(x: Tensor) -> Tensor:
    return -((x[:, :1] + x[:, 1:] - 1) ** 2)


def hyperbola(x: Tensor) -> Tensor:
    return -((x[:, :1] * x[:, 1:] - 1) ** 2)


def nearly_flat(x: Tensor) -> Tensor:
    return -((x[:, :1] + x[:, 1:] - 1) ** 2) - 1e-8 * (x[:, :1] - x[:, 1:]) ** 2


@pytest.mark.parametrize(("likelihood", "flat"), [(line, 1), (hyperbola, 1), (nearly_flat, 0)])
def test_ridges_straight_and_curved(likelihood: object, flat: int) -> None:
    objective = Objective(FunctionDensity(likelihood, TWO), Target.LIKELIHOOD)  # type: ignore[arg-type]
    at = at_rest(objective, [0.3, 1.1])
    shape = spectrum(at.hessian, at.z)
    assert flat_directions(objective, at, shape).shape == (2, flat)
    assert endless_direction(objective, at, shape) is None


def test_a_slope_towards_an_asymptote_is_endless() -> None:
    model = FunctionDensity(lambda x: -((-x[:, :1]).exp()) - x[:, 1:] ** 2, TWO)
    objective = Objective(model, Target.LIKELIHOOD)
    at = at_rest(objective, [3.0, 1.0])
    endless = endless_direction(objective, at, spectrum(at.hessian, at.z))
    assert endless is not None
    assert float(endless[0]) > 10 * abs(float(endless[1]))


SEPARATED = """def model(x, y):
    beta = pyro.sample("beta", dist.Normal(0.0, 1.0).expand([x.shape[1]]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=x @ beta), obs=y)
"""


@pytest.mark.parametrize("column", ["rare", "everywhere", "none"])
def test_many_rows_that_a_line_separates_in_part(column: str) -> None:
    """One column tells the classes apart, in four rows or in all; of none the curvature stays."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 4))
    y = (rng.random(600) < expit(x[:, 0] - x[:, 1])).astype(float)
    if column == "rare":
        x[:, 3], y[:4] = np.arange(600) < 4, 1.0
    elif column == "everywhere":
        x[:, 3] = np.abs(x[:, 3]) * (2.0 * y - 1.0)
    definition = parse_definition({"language": "pyro", "source": SEPARATED})
    density = compile_model(definition, {"x": x, "y": y})
    objective = Objective(density, Target.LIKELIHOOD)
    assert objective.curves_cheaply
    found, _ = run(
        Mle(MleOptions(restarts=1)), density, seed=1, sink=MemorySink(), control=Unattended()
    )
    assert found.outcome == (Outcome.CONVERGED if column == "none" else Outcome.UNBOUNDED)
    if column == "none":
        exact = sm.Logit(y, x).fit(disp=0)
        assert found.mle is not None
        told = found.mle.estimate["beta"]
        assert told.value == pytest.approx(list(exact.params), abs=1e-6)
        assert told.standard_error == pytest.approx(list(exact.bse), rel=1e-4)
        at = at_rest(objective, told.value)
        assert is_steady(objective, at, spectrum(at.hessian, at.z))
