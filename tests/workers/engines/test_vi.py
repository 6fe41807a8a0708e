"""Variational inference against conjugate models, where evidence and posterior are known."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.density import AbstractLogDensity
from models.errors import DefinitionError
from tests.workers.densities import FunctionDensity, GaussianDensity, funnel
from tests.workers.engines.posted import posted
from workers.draws import MemorySink
from workers.engines.vi import Vi, ViOptions
from workers.results import ElboResult, Findings, Outcome
from workers.runner import run
from workers.unattended import Unattended


def fit(density: AbstractLogDensity, seed: int = 1, **options: Any) -> tuple[Findings, ElboResult]:
    engine = Vi(ViOptions(**options))
    found, _ = run(engine, density, seed=seed, sink=MemorySink(), control=Unattended())
    assert found.elbo is not None
    return found, found.elbo


def gaussian(dim: int, dtype: torch.dtype = torch.float64) -> GaussianDensity:
    """A correlated normal whose standard deviations run from 0.01 to 1000, far from 0."""
    rng = np.random.default_rng(dim)
    factor = rng.normal(size=(dim, dim))
    scale = np.logspace(-2, 3, dim)
    shape = factor @ factor.T / dim + 0.2 * np.eye(dim)
    covariance = torch.tensor(scale[:, None] * shape * scale)
    loc = torch.tensor(10 * scale * rng.normal(size=dim))
    return GaussianDensity(loc, covariance, dtype)


def errors(found: Findings, density: GaussianDensity) -> np.ndarray:
    """Return the errors of the means in posterior standard deviations."""
    assert found.summary is not None
    sd = density.covariance.diagonal().sqrt().numpy()
    away = np.array(found.summary["x"].mean) - density.loc.double().numpy()
    return np.abs(away) / sd


@pytest.mark.parametrize("dim", [1, 6])
def test_full_rank_reaches_the_evidence_of_a_normal(dim: int) -> None:
    density = gaussian(dim)
    found, elbo = fit(density, guide="full_rank")
    assert found.outcome == Outcome.CONVERGED
    assert elbo.final == pytest.approx(0.0, abs=0.01)  # the log evidence
    assert errors(found, density).max() < 0.02
    assert elbo.pareto_k is not None
    assert elbo.pareto_k < 0.5
    assert found.diagnostics is not None
    assert found.diagnostics.warnings == []


def test_mean_field_has_the_conditional_variances() -> None:
    density = gaussian(6)
    found, elbo = fit(density, draws=20_000)
    precision = density.precision.double()
    # Bishop (2006), 10.1.2: the best factorised normal has variances 1 / precision_ii.
    best = -0.5 * (torch.logdet(density.covariance) + precision.diagonal().log().sum())
    assert elbo.standard_error is not None
    assert elbo.final == pytest.approx(float(best), abs=0.01 + 4 * elbo.standard_error)
    assert errors(found, density).max() < 0.02
    assert found.summary is not None
    ratio = np.array(found.summary["x"].sd) * precision.diagonal().sqrt().numpy()
    # Noise of the fit and of a standard deviation from 20 000 antithetic draws.
    assert ratio == pytest.approx(1.0, abs=0.02 + 4 / math.sqrt(20_000))


@pytest.mark.slow
def test_float32_finds_the_mean() -> None:
    density = gaussian(6, torch.float32)
    found, elbo = fit(density, guide="full_rank")
    assert errors(found, density).max() < 0.05
    assert elbo.final == pytest.approx(0.0, abs=0.02)


def gamma_poisson(y: Tensor, shape: float, rate: float) -> FunctionDensity:
    def prior(x: Tensor) -> Tensor:
        constant = shape * math.log(rate) - math.lgamma(shape)
        return constant + (shape - 1) * x[:, 0].log() - rate * x[:, 0]

    def likelihood(x: Tensor) -> Tensor:
        return y * x.log() - x - torch.lgamma(y + 1)

    return FunctionDensity(likelihood, {"rate": ((), "positive")}, prior=prior)


@pytest.mark.slow
def test_gamma_poisson_counts_the_jacobian() -> None:
    y = torch.tensor(np.random.default_rng(0).poisson(4.0, size=60), dtype=torch.float64)
    a, b = 2.0, 0.5
    found, elbo = fit(gamma_poisson(y, a, b))
    after, scale = a + float(y.sum()), b + len(y)
    evidence = a * math.log(b) - math.lgamma(a) + math.lgamma(after) - after * math.log(scale)
    evidence -= float(torch.lgamma(y + 1).sum())
    assert elbo.final == pytest.approx(evidence, abs=0.01)
    assert found.summary is not None
    assert found.summary["rate"].mean == pytest.approx(
        after / scale, abs=0.02 * math.sqrt(after) / scale
    )


def test_a_poor_approximation_is_called_one() -> None:
    close = torch.tensor([[1.0, 0.999], [0.999, 1.0]], dtype=torch.float64)
    found, elbo = fit(GaussianDensity(torch.zeros(2), close))
    assert elbo.pareto_k is not None
    assert elbo.pareto_k > 0.7
    assert found.diagnostics is not None
    assert [w.code for w in found.diagnostics.warnings] == ["pareto_k"]
    assert found.diagnostics.pareto_k == elbo.pareto_k


@pytest.mark.slow
def test_a_neck_does_not_swallow_the_fit() -> None:
    # The density of Neal's funnel has its mode at the end of an infinitely narrow neck. The best
    # factorised normal: E[x_i^2 exp(-v)] = 1 makes the mean of v 0 and its precision 1/9 + 9/2.
    found, elbo = fit(funnel(), steps=1500)
    exact = 0.5 * math.log(1 / (1 + 81 / 2))
    assert elbo.final is not None
    assert elbo.standard_error is not None
    assert elbo.final == pytest.approx(exact, abs=0.02 + 4 * elbo.standard_error)
    assert found.summary is not None
    assert found.summary["v"].sd == pytest.approx((1 / 9 + 9 / 2) ** -0.5, rel=0.15)


def test_the_trace_rises_to_its_end() -> None:
    _, elbo = fit(gaussian(3), steps=300, learning_rate=0.01)
    assert len(elbo.trace) == len(elbo.steps)
    assert elbo.steps[0] == 1
    assert elbo.steps[-1] == 300


def test_too_few_steps_are_an_outcome() -> None:
    found, elbo = fit(gaussian(2), steps=20, draws=50)
    assert found.outcome == Outcome.MAX_ITERATIONS
    assert elbo.final is not None


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again = (fit(gaussian(2), seed=5, steps=50, draws=30)[0] for _ in range(2))
    other, _ = fit(gaussian(2), seed=6, steps=50, draws=30)
    assert first == again
    assert first != other


def test_a_state_continues_bit_for_bit() -> None:
    engine, density = Vi(ViOptions(steps=200)), gaussian(2)
    state = engine.init(density, torch.Generator().manual_seed(0))
    for _ in range(60):
        state, _ = engine.step(density, state)
    ends = []
    for _ in range(2):  # stepping on from a state leaves it as it was
        onward = state
        for _ in range(40):
            onward, _ = engine.step(density, onward)
        assert onward.fit is not None
        ends.append(onward.fit.parameters)
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_draws_are_as_many_as_asked() -> None:
    sink = MemorySink()
    engine = Vi(ViOptions(steps=30, draws=333))
    run(engine, gaussian(2), seed=0, sink=sink, control=Unattended())
    assert sink.draws().values("x").shape == (1, 333, 2)


@pytest.mark.parametrize(
    "option",
    [
        {"guide": "nothing"},
        {"guide": "delta", "estimator": "score_function"},
        {"guide": "low_rank", "optimizer": "natural_gradient"},
        {"optimizer": "natural_gradient", "estimator": "sticking_the_landing"},
        {"optimizer": "natural_gradient", "learning_rate": 1.5},
        {"schedule": "sometimes"},
        {"objective": "iwae", "estimator": "score_function"},
        {"objective": "iwae", "estimator": "sticking_the_landing"},
        {"estimator": "doubly_reparameterized"},
        {"guide": "flow", "objective": "renyi"},
        {"guide": "flow", "estimator": "sticking_the_landing"},
        {"particles": 0},
        {"learning_rate": 0.0},
    ],
)
def test_what_does_not_fit_together_or_is_out_of_range_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ViOptions(**option)


def banana() -> FunctionDensity:
    """A normal bent along a parabola; its evidence is 1."""

    def likelihood(x: Tensor) -> Tensor:
        bent = torch.stack([x[:, 0] / 2, x[:, 1] - 0.5 * x[:, 0] ** 2], 1)
        return -0.5 * bent**2 - 0.5 * math.log(2 * math.pi) - 0.5 * math.log(2.0)

    return FunctionDensity(likelihood, {"x": ((2,), "real")})


@pytest.mark.slow
def test_a_flow_bends_where_a_normal_cannot() -> None:
    _, normal = fit(banana(), guide="full_rank", seed=2)
    found, flow = fit(banana(), guide="flow", seed=2, learning_rate=0.02)
    assert normal.final is not None
    assert flow.final is not None
    assert normal.final < -0.5
    assert -0.2 < flow.final < 0.01
    assert found.summary is not None
    assert found.summary["x"].sd[0] == pytest.approx(2.0, rel=0.15)


def test_a_flow_needs_two_unknowns() -> None:
    with pytest.raises(DefinitionError, match="two unknowns at least, and there is 'x' alone"):
        fit(gaussian(1), guide="flow")


def test_a_guide_by_plate_needs_plates() -> None:
    with pytest.raises(DefinitionError, match=r"'x'.*'mean_field', 'full_rank' or 'low_rank'"):
        fit(gaussian(2), guide="structured")


def test_a_point_is_the_mode_of_map_and_has_no_spread() -> None:
    shape, rate = 3.0, 2.0
    density = FunctionDensity(
        lambda x: -0.5 * (x[:, 1:] - 1000.0) ** 2,
        {"s": ((), "positive"), "x": ((2,), "real")},
        prior=lambda x: (shape - 1) * x[:, 0].log() - rate * x[:, 0],
        random_effects=("x",),
    )
    found, elbo = fit(density, guide="delta", draws=20)
    assert found.outcome == Outcome.CONVERGED
    assert found.summary is not None
    # Of the constrained value: (shape - 1) / rate, not shape / rate.
    assert found.summary["s"].mean == pytest.approx(1.0, abs=1e-3)
    assert found.summary["x"].mean == pytest.approx([1000.0, 1000.0], abs=1e-3)
    assert found.summary["s"].sd == 0.0
    for summary in found.summary.values():
        assert {np.ravel(v)[0] for v in (summary.ess_bulk, summary.mcse_mean)} == {None}
    assert elbo.final == pytest.approx(-2.0, abs=1e-4)  # the log joint density
    assert elbo.standard_error == pytest.approx(0.0, abs=1e-12)
    assert elbo.pareto_k is None
    assert found.diagnostics is not None
    assert [w.code for w in found.diagnostics.warnings] == ["random_effect", "point_guide"]


@pytest.mark.parametrize("guide", ["mean_field", "full_rank"])
def test_the_natural_gradient_reaches_a_normal(guide: str) -> None:
    density = gaussian(4)
    found, elbo = fit(
        density, guide=guide, optimizer="natural_gradient", learning_rate=0.2, steps=600
    )
    logs = torch.logdet(density.covariance) + density.precision.double().diagonal().log().sum()
    exact = 0.0 if guide == "full_rank" else -0.5 * float(logs)
    assert elbo.final is not None
    assert elbo.standard_error is not None
    assert elbo.final == pytest.approx(exact, abs=0.01 + 4 * elbo.standard_error)
    assert errors(found, density).max() < 0.02
    if guide == "full_rank":
        # A guide that can be exact has no noise at the optimum.
        assert elbo.gradient_variance == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("schedule", "steps"), [("constant", 3000), ("cosine", 900)])
def test_other_schedules_reach_a_normal(schedule: str, steps: int) -> None:
    found, elbo = fit(gaussian(2), guide="full_rank", schedule=schedule, steps=steps)
    assert found.outcome == Outcome.CONVERGED
    assert elbo.final == pytest.approx(0.0, abs=0.02)
    # A cosine is followed to its end; a constant rate ends where the ELBO is level.
    assert (elbo.steps[-1] == steps) == (schedule == "cosine")


def test_the_last_iterates_are_averaged_whatever_the_schedule() -> None:
    engine, density = Vi(ViOptions(schedule="cosine", steps=80)), gaussian(2)
    state = engine.init(density, torch.Generator().manual_seed(0))
    places = []
    while state.outcome is None:
        state, _ = engine.step(density, state)
        if state.fit is not None and state.fit.steps > 70:
            places.append(state.fit.parameters[0])
    assert state.fit is not None
    torch.testing.assert_close(state.fit.average[0], torch.stack(places).mean(0))


def test_a_few_directions_are_enough_for_a_common_factor() -> None:
    dim = 9
    scale = torch.logspace(-1, 1, dim).double()
    shape = 0.3 * torch.eye(dim).double() + 0.7
    density = GaussianDensity(3 * scale, scale[:, None] * shape * scale)
    found, elbo = fit(density, guide="low_rank", steps=8000)
    _, plain = fit(density, guide="mean_field")
    assert elbo.final is not None
    assert plain.final is not None
    assert plain.final < -1.0
    assert elbo.final == pytest.approx(0.0, abs=0.05)
    assert found.summary is not None
    np.testing.assert_allclose(np.array(found.summary["x"].sd) / scale.numpy(), 1.0, atol=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"estimator": "sticking_the_landing"},
        {"estimator": "score_function", "particles": 64},
        {"objective": "iwae", "estimator": "doubly_reparameterized"},
        {"objective": "renyi"},
    ],
    ids=str,
)
def test_other_bounds_and_estimators_reach_a_normal(options: dict[str, Any]) -> None:
    density = gaussian(3)
    found, elbo = fit(density, guide="full_rank", **options)
    assert elbo.final == pytest.approx(0.0, abs=0.05)
    assert errors(found, density).max() < 0.1
    assert elbo.gradient_variance is not None


def test_the_landing_has_less_noise_than_the_plain_gradient() -> None:
    density = gaussian(3)
    variances = [
        fit(density, guide="full_rank", estimator=estimator)[1].gradient_variance
        for estimator in ("sticking_the_landing", "reparameterized")
    ]
    assert variances[0] < 0.1 * variances[1]


REGRESSION = """
def model(X, y):
    beta = pyro.sample("beta", dist.Normal(0.0, 5.0).expand([3]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(X @ beta, 1.0), obs=y)
"""
SERIES = """
def model(y):
    a = pyro.sample("a", dist.Normal(0.0, 1.0))
    pyro.sample("y", dist.Normal(a * y[:-1], 1.0).to_event(1), obs=y[1:])
"""


def test_minibatches_find_the_posterior_of_all_rows() -> None:
    source = np.random.default_rng(5)
    design = source.standard_normal((400, 3))
    y = design @ [1.0, -2.0, 0.5] + source.standard_normal(400)
    covariance = np.linalg.inv(design.T @ design + np.eye(3) / 25)
    density = posted(REGRESSION, {"X": design.tolist(), "y": y.tolist()})
    found, elbo = fit(density, guide="full_rank", minibatch=40)
    _, whole = fit(density, guide="full_rank")
    assert found.outcome == Outcome.CONVERGED
    assert found.summary is not None
    sd = np.sqrt(covariance.diagonal())
    away = (np.array(found.summary["beta"].mean) - covariance @ design.T @ y) / sd
    # 500 last iterates and more see each row 50 times; half as much again for their correlation.
    error = 1.5 / math.sqrt(50)
    assert np.abs(away).max() < 4 * error
    assert np.array(found.summary["beta"].sd) / sd == pytest.approx(1.0, abs=0.2)
    assert elbo.final is not None
    assert whole.final is not None
    # A mean that is off by e standard deviations costs e^2 / 2 nats of the evidence.
    assert whole.final - 3 * (4 * error) ** 2 / 2 < elbo.final < whole.final + 0.02
    assert elbo.gradient_variance is not None
    assert whole.gradient_variance is not None
    assert elbo.gradient_variance > whole.gradient_variance


def test_minibatches_need_a_sum_over_rows() -> None:
    with pytest.raises(ValidationError, match="no sum over rows"):
        ViOptions(minibatch=10, objective="iwae")
    density = posted(SERIES, {"y": [0.1, 0.4, 0.2, -0.3, 0.5, 0.1]})
    with pytest.raises(DefinitionError, match="minibatch"):
        fit(density, minibatch=2)
    with pytest.raises(DefinitionError, match=r"engine\.minibatch"):
        fit(gaussian(2), minibatch=2)
