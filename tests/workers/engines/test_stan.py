"""Stan programs under every engine, and the sampler that the Stan library brings along."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from models.errors import DefinitionError, UnavailableError
from models.stan.density import StanDensity
from models.toolchain import default_cache, find_compiler
from tests.models.stan.programs import built
from tests.workers.densities import regression
from tests.workers.engines.runs import assert_moments, finished
from workers.draws import MemorySink
from workers.engines import ENGINES, AnyEngineOptions, build_engine
from workers.engines.engine import EngineOptions
from workers.errors import NoInitialPointError
from workers.results import Outcome
from workers.runner import run
from workers.sink import StopReason
from workers.unattended import Unattended

ADAPTER: TypeAdapter[EngineOptions] = TypeAdapter(AnyEngineOptions)
#: A normal of known mean and covariance, one coordinate of it through an exponential: `w` has the
#: log-normal density of `z[3]`.
KNOWN = """
data { vector[2] m; cov_matrix[2] S; }
parameters { vector[2] x; real<lower=0> w; }
transformed parameters { real total = x[1] + x[2]; }
model { x ~ multi_normal(m, S); w ~ lognormal(0.5, 0.3); }
generated quantities { real again = normal_rng(x[1], 1); }
"""
MEAN, COVARIANCE = np.array([1.0, -2.0]), np.array([[1.0, 0.6], [0.6, 2.0]])
DATA = {"m": MEAN.tolist(), "S": COVARIANCE.tolist()}
#: What is short enough for every test, long enough for moments.
RUNS = {
    "nuts": {"warmup": 150, "draws": 150},
    "hmc": {"warmup": 150, "draws": 150},
    "chees": {"chains": 32, "warmup": 60, "draws": 40},
    "stan": {"warmup": 300, "draws": 500},
    "vi": {"steps": 600, "guide": "full_rank"},
}


def options(kind: str) -> EngineOptions:
    return ADAPTER.validate_python({"kind": kind, **RUNS.get(kind, {})})


@pytest.mark.parametrize("kind", [k for k in sorted(ENGINES) if k not in ("mle", "map")])
def test_every_engine_draws_from_the_program(kind: str) -> None:
    found = finished(options(kind), built(KNOWN, DATA))
    assert found.draws.names() == ("x", "w", "total", "again")
    values = {name: found.draws.values(name) for name in found.draws.names()}
    np.testing.assert_allclose(values["total"], values["x"].sum(-1), rtol=1e-12)
    x = values["x"].reshape(-1, 2)
    # Draws of normals are independent; those of chains are worth what their summaries say.
    summary = (found.findings.summary or {}).get("x")
    ess = (
        np.reshape(summary.ess_bulk, -1) if summary and summary.ess_bulk else np.full(2, len(x) / 2)
    )
    deviations = np.sqrt(np.diag(COVARIANCE))
    assert (np.abs(x.mean(0) - MEAN) < 4.5 * deviations / np.sqrt(ess)).all()
    assert (np.abs(x.std(0) / deviations - 1) < 4.5 / np.sqrt(ess)).all()
    log_w = np.log(values["w"].reshape(-1))
    assert abs(log_w.mean() - 0.5) < 4.5 * 0.3 / np.sqrt(ess.min())
    noise = (values["again"] - values["x"][..., 0]).reshape(-1)
    assert abs(noise.mean()) < 4.5 / np.sqrt(len(noise))
    assert abs(noise.std() - 1) < 4.5 / np.sqrt(2 * len(noise))


def test_starts_are_told_as_they_are() -> None:
    asked = ADAPTER.validate_python({"kind": "nuts", "warmup": 5, "draws": 5})
    diagnostics = finished(asked, built(KNOWN, DATA)).findings.diagnostics
    assert diagnostics is not None
    assert diagnostics.init == "4 points drawn uniformly from (-2, 2)."


LINE = """
data { int N; vector[N] x; vector[N] y; }
parameters { real a; real b; real<lower=0> s; }
model { target += normal_lpdf(y | a + b * x, s); }
generated quantities {
  vector[N] log_lik;
  for (n in 1:N) log_lik[n] = normal_lpdf(y[n] | a + b * x[n], s);
}
"""
X = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
Y = np.array([2.1, 3.9, 6.2, 7.8, 10.1, 11.7])


def test_the_maximum_leaves_the_jacobian_out() -> None:
    density = built(LINE, {"N": 6, "x": X.tolist(), "y": Y.tolist()})
    found = finished(ADAPTER.validate_python({"kind": "mle"}), density).findings
    assert found.mle is not None
    design = np.stack([np.ones(6), X], axis=1)
    beta, rss = np.linalg.lstsq(design, Y, rcond=None)[:2]
    scale = np.sqrt(rss[0] / 6)
    estimate = found.mle.estimate
    assert estimate["a"].value == pytest.approx(beta[0], abs=1e-7)
    assert estimate["b"].value == pytest.approx(beta[1], abs=1e-7)
    # With the Jacobian it would be sqrt(rss / 5).
    assert estimate["s"].value == pytest.approx(scale, rel=1e-7)
    errors = scale * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    assert estimate["a"].standard_error == pytest.approx(errors[0], rel=1e-6)
    assert estimate["b"].standard_error == pytest.approx(errors[1], rel=1e-6)
    assert estimate["s"].standard_error == pytest.approx(scale / np.sqrt(12), rel=1e-6)
    # `target +=` keeps its constants.
    height = -3 * np.log(2 * np.pi * scale**2) - 3
    assert found.mle.log_likelihood == pytest.approx(height, rel=1e-9)
    assert found.mle.aic == pytest.approx(6 - 2 * height, rel=1e-9)
    assert found.mle.bic == pytest.approx(3 * np.log(6) - 2 * height, rel=1e-9)


def test_sandwich_errors_are_from_log_lik() -> None:
    density = built(LINE, {"N": 6, "x": X.tolist(), "y": Y.tolist()})
    asked = ADAPTER.validate_python({"kind": "mle", "standard_errors": "sandwich"})
    found = finished(asked, density).findings
    assert found.mle is not None
    design = np.stack([np.ones(6), X], axis=1)
    beta = np.linalg.lstsq(design, Y, rcond=None)[0]
    bread = np.linalg.inv(design.T @ design)
    middle = (design * (Y - design @ beta)[:, None] ** 2).T @ design
    errors = np.sqrt(np.diag(bread @ middle @ bread))
    assert found.mle.estimate["b"].standard_error == pytest.approx(errors[1], rel=1e-5)


def test_without_a_count_of_observations_there_is_no_bic() -> None:
    density = built("parameters { real a; } model { a ~ normal(2, 3); }")
    found = finished(ADAPTER.validate_python({"kind": "map"}), density)
    assert found.findings.mle is not None
    assert found.findings.mle.estimate["a"].value == pytest.approx(2.0, abs=1e-6)
    assert found.findings.mle.log_prior is None
    assert "without_constants" in [note.code for note in density.notes]
    once = finished(ADAPTER.validate_python({"kind": "mle"}), density).findings
    assert once.mle is not None
    assert once.mle.bic is None


def test_the_librarys_sampler_says_what_ours_say() -> None:
    found = finished(options("stan"), built(KNOWN, DATA))
    assert found.findings.outcome is Outcome.COMPLETED
    diagnostics = found.findings.diagnostics
    assert diagnostics is not None
    assert (diagnostics.divergences, diagnostics.max_tree_depth) == (0, 0)
    assert diagnostics.acceptance is not None
    assert all(0.6 < value < 1 for value in diagnostics.acceptance)
    assert diagnostics.step_size is not None
    assert diagnostics.e_bfmi is not None
    assert min(diagnostics.e_bfmi) > 0.3
    assert_moments(found, "x", MEAN, np.diag(COVARIANCE))
    log_density = found.draws.stats("log_density")
    assert log_density is not None
    assert log_density.shape == (4, 500)


class Impatient(Unattended):
    """Stops a run once its sampler gets on."""

    def __init__(self, density: StanDensity) -> None:
        super().__init__()
        self._process, self._steps = density.process, 0

    def stop(self) -> StopReason | None:
        self._steps += 1
        return StopReason.CANCELLED if self._steps > 2 and self._process.iterations else None


def test_the_librarys_sampler_can_be_stopped() -> None:
    sink = MemorySink()
    asked = ADAPTER.validate_python({"kind": "stan", "draws": 500_000})
    density = built(KNOWN, DATA)
    began = time.perf_counter()
    found, _ = run(build_engine(asked), density, seed=1, sink=sink, control=Impatient(density))
    assert time.perf_counter() - began < 60
    assert found.outcome is Outcome.STOPPED
    assert not found.summary
    progress = [payload for kind, payload in sink.events if kind == "progress"]
    assert 0 < progress[-1]["done"] < progress[-1]["total"]
    density.close()


def test_the_librarys_draws_are_reproducible() -> None:
    first, again, other = (
        finished(options("stan"), built(KNOWN, DATA), seed=seed).draws for seed in (7, 7, 8)
    )
    for name in first.names():
        assert (first.values(name) == again.values(name)).all()
    assert not (first.values("w") == other.values("w")).any()


def test_a_program_without_parameters_is_only_drawn_from() -> None:
    density = built("generated quantities { real x = normal_rng(3, 2); }")
    asked = ADAPTER.validate_python({"kind": "stan", "chains": 2, "warmup": 0, "draws": 250})
    found = finished(asked, density)
    assert found.findings.outcome is Outcome.COMPLETED
    x = found.draws.values("x")
    assert x.shape == (2, 250)
    assert abs(x.mean() - 3) < 4 * 2 / np.sqrt(500)


def test_it_runs_no_other_models() -> None:
    density = regression(torch.ones(3, 1), torch.ones(3), prior_scale=1.0)
    with pytest.raises(UnavailableError, match="Stan programs"):
        finished(options("stan"), density)


@pytest.mark.parametrize("kind", ["nuts", "stan"])
def test_a_program_that_always_rejects_says_its_own_words(kind: str) -> None:
    density = built('parameters { real a; } model { reject("never, said a = ", a); }')
    with pytest.raises(NoInitialPointError, match="never, said" if kind == "nuts" else "chain"):
        finished(options(kind), density)


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
@pytest.mark.parametrize("kind", ["nuts", "hmc", "chees"])
def test_the_compiled_tier_draws_from_the_program(kind: str) -> None:
    density = built(KNOWN, DATA)
    density.compile(default_cache())
    found = finished(ADAPTER.validate_python({"kind": kind}), density)
    assert_moments(found, "x", MEAN, np.diag(COVARIANCE))
    x, again = found.draws.values("x"), found.draws.values("again")
    assert abs((again - x[..., 0]).std() - 1) < 4.5 / np.sqrt(2 * again.size)


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
def test_a_crash_in_the_middle_of_native_code_ends_the_run_with_its_reason() -> None:
    density = built(KNOWN, DATA)
    density.compile(default_cache())
    threading.Timer(0.5, os.kill, (density.process.pid, signal.SIGSEGV)).start()
    with pytest.raises(DefinitionError, match="SIGSEGV"):
        finished(ADAPTER.validate_python({"kind": "nuts", "draws": 1_000_000}), density)
