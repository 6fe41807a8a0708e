"""A climb over many rows that begins on a few of them."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.special import expit
from torch import Tensor

from models.compile import compile_model
from models.definition import parse_definition
from models.density import Target
from models.traced import TracedDensity
from tests.workers.engines.climbing import climb
from workers.engines.kernels.approach import approach, begin_ascent
from workers.engines.kernels.objective import Objective
from workers.engines.mle import Mle, MleOptions
from workers.results import Outcome

ROWS = 140_000

MODEL = """def model(x, y):
    alpha = pyro.sample("alpha", dist.Normal(0.0, 2.5))
    beta = pyro.sample("beta", dist.Normal(0.0, 2.5).expand([x.shape[1]]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=alpha + x @ beta), obs=y)
"""


def _data(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, 3))
    return {"x": x, "y": (rng.random(rows) < expit(x @ [0.5, -1.0, 0.3] - 0.2)).astype(float)}


def _model(rows: int) -> TracedDensity:
    return compile_model(parse_definition({"language": "pyro", "source": MODEL}), _data(rows))


def test_it_ends_near_the_top_and_newton_goes_on() -> None:
    density = _model(ROWS)
    objective = Objective(density, Target.LIKELIHOOD, 1)
    z = torch.tensor([[4.0, -3.0, 3.0, 2.0]], dtype=torch.float64)
    state = begin_ascent(objective, z, "lbfgs")
    exact = sm.Logit(_data(ROWS)["y"], sm.add_constant(_data(ROWS)["x"])).fit(disp=0)
    assert state.top is not None
    assert state.height == pytest.approx(float(exact.llf), abs=1e-6)
    assert float(objective(z)[0]) > 100_000.0 - float(exact.llf)
    found = climb(Mle(MleOptions(restarts=1)), density)
    assert found.mle is not None
    assert found.mle.log_likelihood == pytest.approx(float(exact.llf), abs=1e-6)
    assert found.mle.estimate["beta"].value == pytest.approx(list(exact.params[1:]), abs=1e-6)
    errors = found.mle.estimate["beta"].standard_error
    assert errors == pytest.approx(list(exact.bse[1:]), rel=1e-4)


def test_all_rows_are_asked_for_their_curvature_once(monkeypatch: pytest.MonkeyPatch) -> None:
    density, asked = _model(ROWS), []
    hessian = TracedDensity.hessian

    def counted(self: TracedDensity, *arguments: Any) -> Tensor:
        asked.append(arguments)
        return hessian(self, *arguments)

    monkeypatch.setattr(TracedDensity, "hessian", counted)
    assert climb(Mle(MleOptions(restarts=1)), density).outcome is Outcome.CONVERGED
    assert len(asked) == 1


def test_some_rows_have_nearly_the_curvature_of_all() -> None:
    objective = Objective(_model(ROWS), Target.LIKELIHOOD, 1)
    z = torch.tensor([-0.2, 0.5, -1.0, 0.3], dtype=torch.float64)
    rough, exact = objective.rough_hessian(z, 8), objective.hessian(z)
    assert rough is not None
    root = torch.linalg.cholesky(exact)
    ratios = torch.linalg.eigvals(torch.cholesky_solve(rough, root)).real
    # Of 17 500 rows, each eigenvalue.
    assert float((ratios - 1).abs().max()) < 4 * (2 / 17_500) ** 0.5 * 2
    assert Objective(_model(3000), Target.LIKELIHOOD, 1).rough_hessian(z, 8) is None


@pytest.mark.parametrize("rows", [4, 8 * 4])
def test_a_few_of_many_rows_make_a_slope_without_end(rows: int) -> None:
    data = _data(ROWS)
    data["x"] = np.column_stack([data["x"], np.arange(ROWS) % (ROWS // rows) == 0])
    data["y"][data["x"][:, 3] == 1] = 1.0
    definition = parse_definition({"language": "pyro", "source": MODEL})
    found = climb(Mle(MleOptions(restarts=1)), compile_model(definition, data))
    assert found.outcome is Outcome.UNBOUNDED
    assert "beta[3]" in found.message


def test_few_rows_and_other_optimisers_begin_where_they_are() -> None:
    objective = Objective(_model(3000), Target.LIKELIHOOD, 1)
    z = torch.full((1, 4), 0.5, dtype=torch.float64)
    assert approach(objective, z) is z
    many = Objective(_model(ROWS), Target.LIKELIHOOD, 1)
    assert torch.equal(begin_ascent(many, z, "adam").rows.z, z)
