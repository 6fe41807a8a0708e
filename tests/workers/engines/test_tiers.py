"""The engines on models as they are posted, on both tiers, against what is known of the answers."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats

from models.traced import TracedDensity
from tests.acceptance.posteriors import Reference, data, definition, reference
from tests.workers.engines.native.starts import KINDS, metric
from tests.workers.engines.posted import (
    FUNNEL,
    KNOWN,
    NEEDLE,
    TIERS,
    WALL,
    density_of,
    known,
    posted,
    z_scores,
)
from tests.workers.engines.runs import Finished, finished
from workers.engines import build_engine
from workers.engines.chees import CheesOptions
from workers.engines.engine import EngineOptions
from workers.engines.hmc import HmcOptions
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.leapfrog import Phase, log_joint
from workers.engines.kernels.transition import Proposed, Transition
from workers.engines.native.transitions import fly
from workers.engines.nuts import NutsOptions
from workers.goal import FIRST_CHECK, Goal, is_check, measure
from workers.results import Outcome

ENGINES = ("chees", "nuts", "hmc")
#: Seeds of the z-tests. With some 100 averages, one beyond 4 errors is a matter of one in 150.
SEED = 20_261_125


def sampler(engine: str, tier: str, **changes: Any) -> EngineOptions:
    """Return options of runs as long as the tier makes cheap, and no shorter than errors need:
    the energy of heavy tails wanders, and of 60 draws a chain nobody sees how slowly."""
    compiled = tier == "compiled"
    options: EngineOptions
    if engine == "chees":
        options = CheesOptions(draws=300 if compiled else 200)
    else:
        family = NutsOptions if engine == "nuts" else HmcOptions
        warmup, draws = (250, 600) if compiled else (150, 300)
        start = {"metric": "dense", "init": "pathfinder"} if not compiled else {}
        options = family(chains=16, warmup=warmup, draws=draws, **start)
    return options.model_copy(update=changes)


#: Several seconds each: thousands of gradients one after another.
LONG = {("interpreted", engine) for engine in ("nuts", "hmc")}
MARKED = [
    pytest.param(tier, engine, marks=pytest.mark.slow if (tier, engine) in LONG else ())
    for tier in TIERS
    for engine in ENGINES
]


@pytest.mark.parametrize("model", KNOWN)
@pytest.mark.parametrize(("tier", "engine"), MARKED)
def test_moments(model: str, tier: str, engine: str) -> None:
    done = finished(sampler(engine, tier), density_of(model, tier), SEED)
    assert done.findings.outcome == Outcome.COMPLETED
    scores = z_scores(known(model).averages(done.draws))
    assert max(scores.values()) < 4, scores


@pytest.mark.parametrize("engine", ENGINES)
def test_moments_in_float32(engine: str) -> None:
    density = density_of("gaussian", "compiled", "float32")
    assert density.dtype is torch.float32
    done = finished(sampler(engine, "compiled"), density, SEED)
    scores = z_scores(known("gaussian").averages(done.draws))
    assert max(scores.values()) < 4, scores


def flight(density: TracedDensity, kind: str) -> tuple[Any, ...]:
    source = torch.Generator().manual_seed(4)
    point = evaluate(density, torch.randn(6, density.dim, generator=source, dtype=density.dtype))
    p = torch.randn(6, density.dim, generator=source, dtype=density.dtype)
    size = torch.full((6,), 0.2, dtype=torch.float64)
    return point, p, size, 15, metric(kind, density.dim), torch.full_like(size, -torch.inf)


def flown(density: TracedDensity, *flight: Any) -> Proposed:
    """One transition, by whatever the density's tier makes them with."""
    if density.handle is None:
        return transition(density, *flight)
    point, p, size, leaps, learnt, log_u = flight
    counts = torch.full_like(log_u, leaps, dtype=torch.int64)
    move = fly(density.handle, point, p, size, counts, learnt, log_u, proposals=True)
    made = Transition(move.point, move.acceptance, move.divergent, move.energy, counts, {})
    assert move.proposal is not None
    assert move.proposal_momentum is not None
    return Proposed(made, move.proposal, move.proposal_momentum)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tier", TIERS)
def test_a_transition_is_reversible_and_balanced(tier: str, kind: str) -> None:
    density = posted(FUNNEL, {"scale": 1.0}, tier)
    point, p, size, leaps, learnt, always = flight(density, kind)
    there = flown(density, point, p, size, leaps, learnt, always)
    assert bool((there.z != point.z).any(1).all())
    end = evaluate(density, there.z)
    back = flown(density, end, -there.p, size, leaps, learnt, always)
    torch.testing.assert_close(back.z, point.z, rtol=0, atol=1e-10)
    torch.testing.assert_close(back.p, -p, rtol=0, atol=1e-10)
    # What flows either way is the same: exp(H) times the acceptance.
    starts, ends = (
        log_joint(Phase(at.z, momentum, at.gradient, at.log_density))
        for at, momentum in ((point, p), (end, there.p))
    )
    torch.testing.assert_close(
        starts + there.made.acceptance.log(),
        ends + back.made.acceptance.log(),
        rtol=0,
        atol=1e-10,
    )
    accepted = torch.cat([there.made.acceptance, back.made.acceptance])
    assert float(accepted.min()) < 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_tiers_make_the_same_transition(kind: str) -> None:
    made = []
    for tier in TIERS:
        density = posted(FUNNEL, {"scale": 1.0}, tier)
        made.append(flown(density, *flight(density, kind)))
    one, other = made
    torch.testing.assert_close(one.z, other.z, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(one.p, other.p, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(one.made.energy, other.made.energy, rtol=1e-10, atol=1e-10)


SHORT = {
    "chees": CheesOptions(chains=16, warmup=20, draws=20),
    "nuts": NutsOptions(chains=4, warmup=40, draws=30),
    "hmc": HmcOptions(chains=4, warmup=40, draws=30),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tier", TIERS)
def test_a_seed_fixes_every_bit(tier: str, engine: str) -> None:
    runs = [finished(SHORT[engine], density_of("banana", tier), seed) for seed in (7, 7, 8)]
    first, again, other = (run.draws for run in runs)
    for name in first.names():
        assert (first.values(name) == again.values(name)).all()
        assert not (first.values(name) == other.values(name)).any()
    for name in ("energy", "acceptance", "leapfrogs"):
        assert (first.stats(name) == again.stats(name)).all()
    assert runs[0].findings.diagnostics == runs[1].findings.diagnostics


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tier", TIERS)
def test_a_run_goes_on_from_a_state_that_was_written_down(tier: str, engine: str) -> None:
    options = SHORT[engine].model_copy(update={"until": Goal(ess_bulk=1e6)})
    density, sampler = density_of("banana", tier), build_engine(options)
    state = sampler.init(density, torch.Generator().manual_seed(7))
    straight, cuts = [], []
    while sampler.done(state) is None:
        cuts.append(pickle.dumps(state))
        state, info = sampler.step(density, state)
        straight.append(info.draws)
    # In warm-up, and between draws; read by another process, so bound to another density.
    for at in (1, len(cuts) // 2, len(cuts) - 1):
        later, rest = pickle.loads(cuts[at]), []
        while sampler.done(later) is None:
            later, info = sampler.step(density_of("banana", tier), later)
            rest.append(info.draws)
        assert sampler.done(later) == Outcome.MAX_ITERATIONS
        for one, other in zip(straight[at:], rest, strict=True):
            assert (one is None) == (other is None)
            assert one is None or bool((one == other).all())
        assert later.watch.progress == state.watch.progress
        assert later.leapfrogs == state.leapfrogs


@pytest.mark.parametrize("engine", ["chees", "nuts"])
def test_threads_change_no_bit(engine: str) -> None:
    options = SHORT[engine].model_copy(update={"chains": 64})
    before, runs = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs.append(finished(options, density_of("banana", "compiled"), 7))
    finally:
        torch.set_num_threads(before)
    assert (runs[0].draws.values("y") == runs[1].draws.values("y")).all()


@pytest.mark.parametrize("engine", ["chees", "nuts"])
@pytest.mark.parametrize("tier", TIERS)
def test_what_is_not_a_number_is_a_divergence(tier: str, engine: str) -> None:
    options = SHORT[engine].model_copy(update={"init": "uniform", "max_tree_depth": 5})
    done = finished(options, posted(WALL, {"scale": 1.0}, tier))
    assert done.findings.outcome == Outcome.COMPLETED
    assert done.findings.diagnostics is not None
    assert (done.findings.diagnostics.divergences or 0) > 0
    assert "divergences" in done.codes()
    assert (done.draws.values("x") > 0).all()
    assert np.isfinite(done.draws.stats("log_density")).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tier", TIERS)
def test_all_transitions_divergent(tier: str, engine: str) -> None:
    options = SHORT[engine].model_copy(update={"init": "prior", "warmup": 5, "draws": 10})
    done = finished(options, posted(NEEDLE, {"at": 0.5}, tier))
    assert done.findings.outcome == Outcome.ALL_DIVERGENT
    assert done.findings.message == Outcome.ALL_DIVERGENT.sentence
    assert "divergences" in done.codes()
    assert (done.draws.values("x") == 0.5).all()


FUNNELS = [
    pytest.param(tier, engine, seed, marks=pytest.mark.slow if (tier, engine) in LONG else ())
    for tier, engine, seeds in (
        ("interpreted", "chees", (1, 2)),
        ("interpreted", "nuts", (1,)),
        ("compiled", "chees", (1, 2, 3, 4, 5)),
        ("compiled", "nuts", (1, 2, 3, 4, 5)),
    )
    for seed in seeds
]


@pytest.mark.parametrize(("tier", "engine", "seed"), FUNNELS)
def test_a_centred_funnel_is_never_clean(tier: str, engine: str, seed: int) -> None:
    options: EngineOptions = CheesOptions(draws=40)
    if engine == "nuts":
        options = NutsOptions(warmup=150, draws=100)
    done = finished(options, posted(FUNNEL, {"scale": 3.0}, tier), seed)
    assert {"divergences", "r_hat"} & set(done.codes())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_long_run_in_the_funnel_is_not_clean_either(seed: int) -> None:
    for options in (CheesOptions(draws=1000), NutsOptions()):
        done = finished(options, posted(FUNNEL, {"scale": 3.0}, "compiled"), seed)
        assert {"divergences", "r_hat"} & set(done.codes())


@pytest.mark.parametrize("tier", TIERS)
def test_a_chain_that_starts_far_out_is_brought_back_and_told_of(tier: str) -> None:
    options = CheesOptions(init="prior", superchains=64, draws=40)
    model = known("regression")
    root, runs = np.linalg.cholesky(model.covariance), []
    for far in (0.0, 1e8):
        density = density_of("regression", tier)

        def start(generator: torch.Generator, count: int, far: float = far) -> torch.Tensor:
            z = torch.randn(count, 3, generator=generator, dtype=torch.float64)
            z = z @ torch.tensor(root.T) + torch.tensor(model.mean)
            z[0] += far
            return z

        density.initial = start  # type: ignore[method-assign]
        runs.append(finished(options, density))
    done = runs[1]
    sizes = [run.draws.stats("step_size").mean() for run in runs]
    assert sizes[1] > 0.7 * sizes[0]
    told = [str(run.findings.diagnostics.init) for run in runs]
    assert "got lost" not in told[0]
    assert "In warm-up 1 chain got lost and took the place of another." in told[1]
    scores = z_scores(model.averages(done.draws))
    assert max(scores.values()) < 4, scores


def enough(done: Finished, goal: Goal, superchains: int | None) -> tuple[bool, bool]:
    """Return whether the goal is met at the run's last look, and at half as many draws.

    Looks that seem bound to fail are left out, but none that comes after twice as many draws.
    """
    names, count = [p for p in done.draws.names() if p != "z"], done.draws.draws
    met = []
    for upto in (count, count // 2):
        values = {name: done.draws.values(name)[:, :upto] for name in names}
        met.append(goal.met(measure(values, superchains)))
    # Before the first look nobody knows.
    return met[0], met[1] and count // 2 >= FIRST_CHECK


UNTIL: dict[str, EngineOptions] = {
    "chees": CheesOptions(draws=2000),
    "nuts": NutsOptions(chains=16, warmup=100, draws=2000),
    "hmc": HmcOptions(chains=16, warmup=100, draws=2000),
}


@pytest.mark.parametrize(("tier", "engine"), MARKED)
def test_a_run_stops_at_a_look_that_is_good_enough_and_no_late_one(tier: str, engine: str) -> None:
    goal = Goal(ess_bulk=500, r_hat=1.1)
    options = UNTIL[engine].model_copy(update={"until": goal})
    done = finished(options, density_of("regression", tier))
    assert done.findings.outcome == Outcome.CONVERGED
    assert is_check(done.draws.draws)
    superchains = 8 if engine == "chees" else None
    assert enough(done, goal, superchains) == (True, False)
    # By the numbers of another library.
    values = done.draws.values("beta")
    least = min(array_stats.ess(values[..., k], method="bulk") for k in range(3))
    assert least >= 500


@pytest.mark.slow
def test_errors_are_what_they_are_said_to_be_where_a_goal_stops_a_run() -> None:
    model, density = known("regression"), density_of("regression", "compiled")
    options = CheesOptions(draws=2000, until=Goal(ess_bulk=400, r_hat=1.05))
    away = []
    for seed in range(60):
        summary = finished(options, density, seed).findings.summary
        assert summary is not None
        beta = summary["beta"]
        away.append((np.array(beta.mean) - model.mean) / np.array(beta.mcse_mean))
    # Short chains and the choice of the moment make errors look a little small; 4 errors more.
    assert np.sqrt(np.mean(np.square(away))) < 1.15 + 4 / np.sqrt(2 * 60)


@pytest.mark.slow
def test_chees_starts_where_the_prior_is() -> None:
    text = """
def model(y):
    x = pyro.sample("x", dist.Normal(100.0, 5.0))
    pyro.sample("y", dist.Normal(torch.log(x - 50.0), 1.0), obs=y)
"""
    density = posted(text, {"y": 4.0})
    done = finished(NutsOptions(warmup=50, draws=50), density)
    assert done.findings.outcome == Outcome.COMPLETED
    done = finished(CheesOptions(draws=20), density)
    assert done.findings.outcome == Outcome.COMPLETED


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tier", TIERS)
def test_a_goal_that_is_never_met_takes_all_draws(tier: str, engine: str) -> None:
    options = SHORT[engine].model_copy(update={"until": Goal(ess_bulk=1e6)})
    done = finished(options, density_of("banana", tier))
    assert done.findings.outcome == Outcome.MAX_ITERATIONS
    assert done.draws.draws == SHORT[engine].draws


@pytest.mark.parametrize("tier", TIERS)
def test_looking_changes_no_draw_of_nuts(tier: str) -> None:
    watched = SHORT["nuts"].model_copy(update={"until": Goal(ess_bulk=20, r_hat=None)})
    stopped, whole = (
        finished(options, density_of("banana", tier)).draws for options in (watched, SHORT["nuts"])
    )
    assert stopped.draws < whole.draws
    assert (stopped.values("y") == whole.values("y")[:, : stopped.draws]).all()


@pytest.mark.parametrize("tier", TIERS)
def test_superchains_are_summarised_by_nested_r_hat(tier: str) -> None:
    shared = finished(CheesOptions(draws=30, warmup=50), density_of("regression", tier))
    apart = finished(
        CheesOptions(draws=30, warmup=50, superchains=64), density_of("regression", tier)
    )
    for done, nested in ((shared, True), (apart, False)):
        assert done.findings.summary is not None
        summary = done.findings.summary["beta"]
        assert all(0.99 < value < 1.2 for value in summary.r_hat)
        assert ("nested_r_hat" in summary.model_fields_set) is nested
    nested = shared.findings.summary["beta"].nested_r_hat
    assert all(1.0 <= value < 1.01 for value in nested)


PUBLISHED = ("kidiq", "eight_schools", "ar5")


def away(values: np.ndarray[Any, Any], published: Reference) -> tuple[float, float]:
    """Return how far mean and variance are from the published ones, in errors of both."""
    # Squares from a fixed centre: the error of a standard deviation in ArviZ looks at plain
    # squares, which are far too good where chains are antithetic.
    squares = (values - published.mean) ** 2
    wanted = ((values, published.mean), (squares, published.sd**2))
    mean, variance = (
        abs(x.mean() - expected)
        / np.hypot(array_stats.mcse(x, method="mean"), x.std() / np.sqrt(published.draws))
        for x, expected in wanted
    )
    return float(mean), float(variance)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("engine", ["chees", "nuts"])
@pytest.mark.parametrize("tier", TIERS)
def test_published_posteriors(tier: str, engine: str, name: str) -> None:
    density = posted(definition(name, "pyro")["source"], data(name), tier)
    draws = {"interpreted": 100, "compiled": 600}[tier]
    options = sampler(engine, tier, metric="dense", target_accept=0.9, draws=draws)
    done = finished(options, density, SEED)
    assert done.findings.outcome == Outcome.COMPLETED
    misses = {}
    for (parameter, index), published in reference(name).items():
        values = done.draws.values(parameter)
        entry = values if index is None else values[..., index]
        misses[parameter, index] = max(away(entry, published))
    assert max(misses.values()) < 4, misses
