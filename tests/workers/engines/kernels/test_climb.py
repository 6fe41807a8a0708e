"""Minibatches end where the whole likelihood has its maximum, with its errors, or in a sentence."""

from typing import Any

import numpy as np
import pytest
import torch

from models.blocks import BlockedDensity
from models.density import Target
from models.errors import DefinitionError
from tests.workers.densities import GaussianDensity
from tests.workers.engines.climbing import NoDraws, climb
from tests.workers.engines.posted import LOGISTIC, logistic_data, posted
from workers.engines.kernels.climb import start_climb, whole
from workers.engines.map import Map, MapOptions
from workers.engines.mle import Mle, MleOptions
from workers.results import Findings, Outcome

DATA = logistic_data()
SMALL: dict[str, Any] = {"optimizer": "adam", "minibatch": 64, "restarts": 2}


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.engines.kernels.minibatches.BLOCK", 1)


@pytest.mark.parametrize("errors", ["observed", "sandwich"])
def test_the_answer_is_the_one_without_minibatches(
    errors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    density = posted(LOGISTIC, DATA)
    options: dict[str, Any] = {"standard_errors": errors}
    exact = climb(Mle(MleOptions(restarts=2, **options)), density).mle
    found = climb(Mle(MleOptions(**SMALL, **options)), density)
    assert found.outcome == Outcome.CONVERGED
    assert found.mle is not None
    assert exact is not None
    for name in ("a", "beta"):
        one, other = found.mle.estimate[name], exact.estimate[name]
        assert one.value == pytest.approx(other.value, rel=1e-8)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-6)
    assert found.mle.log_likelihood == pytest.approx(exact.log_likelihood, abs=1e-9)
    assert found.mle.bic == pytest.approx(exact.bic, abs=1e-8)
    assert found.mle.modes is not None
    assert len(found.mle.modes) == 1


@pytest.mark.slow
def test_the_mode_has_the_prior_once(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    density = posted(LOGISTIC, DATA)
    exact = climb(Map(MapOptions(restarts=2)), density).mle
    found = climb(Map(MapOptions(**SMALL)), density).mle
    assert found is not None
    assert exact is not None
    assert found.estimate["beta"].value == pytest.approx(exact.estimate["beta"].value, rel=1e-8)
    assert found.log_prior == pytest.approx(exact.log_prior, abs=1e-9)


def test_profiles_and_tests_are_of_the_whole_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    density = posted(LOGISTIC, DATA)
    asked: dict[str, Any] = {"intervals": "profile", "restriction": {"a": 0}, "profile": ["a"]}
    exact = climb(Mle(MleOptions(restarts=2, **asked)), density).mle
    found = climb(Mle(MleOptions(**SMALL, **asked)), density).mle
    assert found is not None
    assert exact is not None
    one, other = found.estimate["a"].interval, exact.estimate["a"].interval
    assert one is not None
    assert other is not None
    assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), rel=1e-6)
    assert found.likelihood_ratio is not None
    assert exact.likelihood_ratio is not None
    assert found.likelihood_ratio.statistic == pytest.approx(
        exact.likelihood_ratio.statistic, rel=1e-7
    )


def test_separated_data_are_unbounded_with_minibatches_too() -> None:
    separated = {"X": DATA["X"], "y": [int(row[1] > 0) for row in DATA["X"]]}
    found = climb(Mle(MleOptions(**SMALL)), posted(LOGISTIC, separated))
    assert found.outcome == Outcome.UNBOUNDED
    assert "beta[1] goes to infinity" in found.message
    assert found.mle is not None
    assert found.mle.estimate["beta"].standard_error is None


def test_the_whole_likelihood_is_only_looked_at_in_blocks() -> None:
    density = posted(LOGISTIC, DATA)
    options = MleOptions(**SMALL)
    state = start_climb(density, torch.Generator().manual_seed(0), Target.LIKELIHOOD, options)
    assert isinstance(whole(density, state, options), BlockedDensity)


def test_a_stopped_run_says_where_it_was() -> None:
    density = posted(LOGISTIC, DATA)
    engine = Mle(MleOptions(**SMALL))
    state = engine.init(density, torch.Generator().manual_seed(1))
    for _ in range(3):
        state, info = engine.step(density, state)
    assert info.done == 3
    assert np.isfinite(info.progress["log_density"])
    found = engine.finish(density, state, Outcome.STOPPED, NoDraws())
    assert found.mle is not None
    assert found.mle.iterations == 3
    assert found.mle.estimate["beta"].standard_error is None


@pytest.mark.slow
def test_what_grows_with_the_rows_is_left_out_and_told() -> None:
    before = '    with pyro.plate("row"'
    eta = '    eta = pyro.deterministic("eta", X @ beta)\n'
    source = LOGISTIC.replace(before, eta + before)
    found: Findings = climb(Mle(MleOptions(**SMALL)), posted(source, DATA))
    assert found.mle is not None
    assert list(found.mle.estimate) == ["a", "beta"]
    assert found.diagnostics is not None
    (warning,) = found.diagnostics.warnings
    assert warning.code == "not_reported"
    assert warning.message.startswith("eta grows")


@pytest.mark.parametrize("optimizer", ["lbfgs", "newton", "natural_gradient", "gradient_descent"])
def test_minibatches_go_with_adam_alone(optimizer: Any) -> None:
    with pytest.raises(DefinitionError, match="write the optimizer 'adam'") as caught:
        MleOptions(optimizer=optimizer, minibatch=10).check(3)
    assert caught.value.path == "engine.minibatch"


def test_minibatches_need_a_program() -> None:
    density = GaussianDensity(torch.zeros(2), torch.eye(2))
    with pytest.raises(DefinitionError) as caught:
        climb(Mle(MleOptions(**SMALL)), density)
    assert caught.value.path == "engine.minibatch"
