"""ChEES-HMC end to end on densities whose answers are known."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.workers.densities import FunctionDensity, GaussianDensity, funnel
from tests.workers.engines.runs import assert_moments, finished
from workers.engines.chees import Chees, CheesOptions
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.metric import Metric
from workers.goal import Goal
from workers.results import Outcome

KINDS = ("diagonal", "low_rank", "dense")


def gaussian(condition: float, rho: float, dim: int = 5) -> GaussianDensity:
    sd = torch.logspace(0, math.log10(condition) / 2, dim, dtype=torch.float64)
    correlation = (1 - rho) * torch.eye(dim) + rho * torch.ones(dim, dim)
    return GaussianDensity(torch.arange(dim).double(), sd[:, None] * correlation.double() * sd)


@pytest.mark.parametrize("metric", KINDS)
def test_a_badly_scaled_and_correlated_normal(metric: str) -> None:
    density = gaussian(1e4, 0.5)
    done = finished(CheesOptions(metric=metric, draws=50), density)
    assert done.findings.outcome == Outcome.COMPLETED
    assert_moments(done, "x", density.loc.numpy(), density.covariance.diag().numpy())
    assert done.findings.diagnostics.divergences == 0
    assert min(done.findings.summary["x"].ess_bulk) > 1000


@pytest.mark.parametrize("metric", KINDS)
def test_a_conjugate_regression(metric: str) -> None:
    source = torch.Generator().manual_seed(5)
    design = torch.randn(40, 3, generator=source, dtype=torch.float64)
    design[:, 2] += 3 * design[:, 1]
    y = design @ torch.tensor([1.0, -2.0, 0.5]).double() + torch.randn(40, generator=source)
    precision = design.T @ design + torch.eye(3) / 25
    covariance = torch.linalg.inv(precision)

    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return -0.5 * (y - x @ design.T) ** 2

    density = FunctionDensity(
        likelihood, {"beta": ((3,), "real")}, prior=lambda x: -0.5 * (x**2).sum(1) / 25
    )
    done = finished(CheesOptions(metric=metric, draws=40), density)
    mean = covariance @ design.T @ y
    assert_moments(done, "beta", mean.numpy(), covariance.diag().numpy())


@pytest.mark.parametrize("metric", KINDS)
def test_a_banana(metric: str) -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return -0.5 * x[:, 0] ** 2 - 0.5 * (x[:, 1] - 0.5 * x[:, 0] ** 2) ** 2

    density = FunctionDensity(likelihood, {"x": ((2,), "real")})
    done = finished(CheesOptions(metric=metric, draws=80), density)
    assert_moments(done, "x", np.array([0.0, 0.5]), np.array([1.0, 1.5]))


@pytest.mark.parametrize("metric", KINDS)
def test_student_t(metric: str) -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        return -5.5 * torch.log1p(x**2 / 10)  # 10 degrees of freedom

    density = FunctionDensity(likelihood, {"x": ((4,), "real")})
    done = finished(CheesOptions(metric=metric, draws=60), density)
    assert_moments(done, "x", np.zeros(4), np.full(4, 10 / 8))


LEFT_OUT = "iterations of the warm-up were left out"


def test_a_warm_up_with_nothing_to_learn_is_cut_short_where_a_quality_is_asked_for() -> None:
    density, goal = gaussian(10.0, 0.5), Goal(ess_bulk=4000)
    done = finished(CheesOptions(draws=400, until=goal, warmup=200), density)
    assert done.findings.outcome == Outcome.CONVERGED
    assert_moments(done, "x", density.loc.numpy(), density.covariance.diag().numpy())
    assert done.findings.diagnostics.init is not None
    assert LEFT_OUT in done.findings.diagnostics.init
    whole = finished(CheesOptions(draws=100, warmup=200), density)
    assert LEFT_OUT not in str(whole.findings.diagnostics.init)


def test_a_warm_up_with_much_to_learn_is_not_cut_short() -> None:
    done = finished(CheesOptions(draws=30, until=Goal(ess_bulk=100)), funnel())
    assert LEFT_OUT not in str(done.findings.diagnostics.init)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_centred_funnel_warns(seed: int) -> None:
    done = finished(CheesOptions(draws=30), funnel(), seed=seed)
    assert {"divergences", "r_hat"} & set(done.codes())


def learnt(density, options: CheesOptions, seed: int = 1):
    engine = Chees(options)
    state = engine.init(density, torch.Generator().manual_seed(seed))
    while state.iteration < options.warmup:
        state, _ = engine.step(density, state)
    return state


def test_the_length_on_a_standard_normal_is_near_its_optimum() -> None:
    # With lengths uniform on ]0, T[ that is 2.25 without a price on length; half of it on average.
    known = learnt(GaussianDensity(torch.zeros(10), torch.eye(10)), CheesOptions()).known
    assert 1.2 < known.pace.length.average < 2.8
    assert 0.5 < known.pace.step.average < 1.5


def test_a_chain_far_out_neither_stops_the_others_nor_goes_unseen() -> None:
    def start(generator: torch.Generator, count: int) -> torch.Tensor:
        z = torch.randn(count, 5, generator=generator, dtype=torch.float64)
        z[0] = 1e5  # and flat there: it cannot come back
        return z

    def likelihood(x: torch.Tensor) -> torch.Tensor:
        far = x[:, :1].abs() > 5e4
        return torch.where(far, -1e3 * (x - 1e5) ** 2, -0.5 * x**2)

    density = FunctionDensity(likelihood, {"x": ((5,), "real")}, start=start)
    options = CheesOptions(init="prior", superchains=64, draws=30)
    done = finished(options, density)
    clean = learnt(GaussianDensity(torch.zeros(5), torch.eye(5)), options).known
    sizes = done.draws.stats("step_size")
    assert sizes.min() > 0.7 * clean.pace.step.average
    assert "r_hat" in done.codes()


def test_a_bad_start_is_recovered_from_in_warm_up() -> None:
    density = gaussian(1.0, 0.0)

    def start(generator: torch.Generator, count: int) -> torch.Tensor:
        z = torch.randn(count, 5, generator=generator, dtype=torch.float64)
        z[:3] *= 300.0
        return z

    density.initial = start  # type: ignore[method-assign]
    done = finished(CheesOptions(init="prior", superchains=64, draws=30), density)
    values = done.draws.values("x")
    assert abs(values[:3].mean(1) - density.loc.numpy()).max() < 3.0


def test_a_trajectory_is_reversible() -> None:
    density = funnel(3)
    source = torch.Generator().manual_seed(2)
    point = evaluate(density, density.initial(source, 6))
    p = torch.randn(6, 4, generator=source, dtype=torch.float64)
    normal = torch.randn(4, 4, generator=source, dtype=torch.float64)
    root = torch.linalg.cholesky(normal @ normal.T + torch.eye(4))
    metric = Metric(torch.ones(4, dtype=torch.float64), root=root)
    size = torch.full((6,), 0.02, dtype=torch.float64)
    log_u = torch.zeros(6, dtype=torch.float64)
    there = transition(density, point, p, size, 25, metric, log_u)
    back = transition(density, evaluate(density, there.z), -there.p, size, 25, metric, log_u)
    torch.testing.assert_close(back.z, point.z, rtol=0, atol=1e-10)
    torch.testing.assert_close(back.p, -p, rtol=0, atol=1e-10)


def test_a_state_is_all_that_a_run_needs_to_go_on() -> None:
    density, engine = gaussian(10.0, 0.5), Chees(CheesOptions(chains=8, warmup=20, draws=10))
    state = engine.init(density, torch.Generator().manual_seed(3))
    state, _ = engine.step(density, state)
    ends = []
    for _ in range(2):  # the same state twice: a step changes nothing of it
        later = state
        while engine.done(later) is None:
            later, info = engine.step(density, later)
        ends.append(info.draws)
    assert bool((ends[0] == ends[1]).all())


def test_statistics_per_draw() -> None:
    done = finished(CheesOptions(chains=8, warmup=20, draws=11), gaussian(10.0, 0.0))
    for name in ("acceptance", "divergent", "energy", "step_size", "leapfrogs", "log_density"):
        values = done.draws.stats(name)
        assert values.shape == (8, 11)
        assert np.isfinite(values).all()
    assert (done.draws.stats("leapfrogs") == done.draws.stats("leapfrogs")[0]).all()


@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_short_warm_ups(warmup: int) -> None:
    done = finished(CheesOptions(chains=8, warmup=warmup, draws=10), gaussian(4.0, 0.0))
    assert done.findings.outcome == Outcome.COMPLETED


@pytest.mark.parametrize(
    ("chains", "expected"), [(64, 8), (2, 2), (12, 6), (13, 13), (26, 26), (20, 5), (4096, 8)]
)
def test_the_default_number_of_superchains(chains: int, expected: int) -> None:
    assert CheesOptions(chains=chains).starts == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 1}, "greater than or equal to 2"),
        ({"chains": 64, "superchains": 7}, "does not divide"),
        ({"metric": "round"}, "Input should be"),
    ],
)
def test_options_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CheesOptions.model_validate(options)
