"""Fits whose products are rounded: to bf16, to fp16 with a scale, and back to float32."""

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from models.density import Target
from models.precision import PrecisionName
from tests.workers.densities import GaussianDensity
from tests.workers.engines.posted import LOGISTIC, logistic_data, posted
from tests.workers.engines.runs import Finished, finished
from workers.engines.kernels.rounding import Rough, first_scaler, ground, not_finite
from workers.engines.kernels.scaler import start_scaler
from workers.engines.kernels.variational import advance, begin
from workers.engines.kernels.vi_options import ViOptions
from workers.engines.kernels.vi_state import ViState
from workers.results import LowPrecision, Outcome

#: Products far beyond what fp16 holds, 65 504, of numbers that it holds well.
LARGE = """
def model(x, y):
    slope = pyro.sample("slope", dist.Normal(1000.0, 1.0).expand([2]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(x @ slope, 1000.0), obs=y)
"""
#: Few steps: what is compared here does not wait for the end.
SHORT = {"steps": 150, "draws": 100}


def large_data() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    x = 1000.0 * rng.uniform(0.5, 1.5, size=(12, 2))
    return {"x": x.tolist(), "y": (x @ [1000.5, 999.0]).tolist()}


def fit(source: str, data: dict[str, Any], precision: PrecisionName, **options: Any) -> Finished:
    return finished(ViOptions(**options), posted(source, data, "interpreted", precision), seed=3)


def low(done: Finished) -> LowPrecision:
    assert done.findings.elbo is not None
    assert done.findings.elbo.low_precision is not None
    return done.findings.elbo.low_precision


def test_only_a_density_that_rounds_is_rough() -> None:
    plain = GaussianDensity(torch.zeros(2), torch.eye(2))
    assert first_scaler(plain, "float16") is None
    assert ground(plain, None) is plain
    mixed = posted(LOGISTIC, logistic_data(), "interpreted", "mixed")
    asked = [first_scaler(mixed, name) for name in ("auto", "bfloat16", "float16")]
    assert [scaler.low for scaler in asked if scaler] == ["bfloat16", "bfloat16", "float16"]
    assert first_scaler(mixed, "auto", Target.JOINT) is None
    climbed = ground(mixed, asked[2])
    assert isinstance(climbed, Rough)
    assert (climbed.low, climbed.scale) == ("float16", 2.0**16)


def test_numbers_that_are_not_finite_are_counted() -> None:
    parts = (torch.tensor([1.0, torch.inf]), torch.tensor([[torch.nan, -torch.inf], [0.0, 1.0]]))
    assert not_finite(parts) == 3


@pytest.mark.slow
@pytest.mark.parametrize("low_precision", ["bfloat16", "float16"])
def test_a_fit_ends_where_that_of_float32_does(low_precision: Any) -> None:
    options: dict[str, Any] = {"guide": "full_rank", "steps": 2000}
    exact = fit(LOGISTIC, logistic_data(), "float32", **options)
    rounded = fit(LOGISTIC, logistic_data(), "mixed", low_precision=low_precision, **options)
    assert exact.findings.elbo is not None
    assert exact.findings.elbo.low_precision is None
    for name in exact.draws.names():
        values, others = exact.draws.values(name), rounded.draws.values(name)
        away = (others.mean((0, 1)) - values.mean((0, 1))) / values.std((0, 1))
        assert np.abs(away).max() < 0.05, name
        assert not np.array_equal(values, others)
    assert low(rounded).type == low_precision
    assert low(rounded).restarted is False
    assert rounded.codes() == []


def test_fp16_halves_its_scale_until_gradients_fit() -> None:
    done = fit(LOGISTIC, logistic_data(), "mixed", low_precision="float16", **SHORT)
    found = low(done)
    assert done.findings.elbo is not None
    assert len(found.scale) == len(found.skipped) == len(done.findings.elbo.trace)
    # No residual of several hundred rows times 65 536 is a number of fp16.
    assert found.skipped[-1] > 0
    assert found.overflows[-1] >= found.skipped[-1]
    assert found.scale[-1] == 2.0 ** (16 - found.skipped[-1])
    shown = [event for kind, event in done.sink.events if kind == "progress"][-1]
    assert (shown["scale"], shown["skipped"]) == (found.scale[-1], found.skipped[-1])


def test_bf16_leaves_no_step_out() -> None:
    found = low(fit(LOGISTIC, logistic_data(), "mixed", **SHORT))
    assert set(found.scale) == {1.0}
    assert (found.type, found.skipped[-1], found.overflows[-1]) == ("bfloat16", 0, 0)


def test_a_fit_that_overflows_begins_again_as_that_of_float32() -> None:
    exact = fit(LARGE, large_data(), "float32", **SHORT)
    again = fit(LARGE, large_data(), "mixed", low_precision="float16", **SHORT)
    np.testing.assert_array_equal(again.draws.values("slope"), exact.draws.values("slope"))
    assert again.findings.elbo is not None
    assert exact.findings.elbo is not None
    assert again.findings.elbo.trace == exact.findings.elbo.trace
    assert again.findings.outcome is exact.findings.outcome is not Outcome.NON_FINITE
    assert "low_precision" in again.codes()
    found = low(again)
    assert found.restarted
    assert found.skipped == [101]
    assert found.scale[0] < 1.0


def test_a_fit_that_is_lost_in_bf16_begins_again_too() -> None:
    class Lost(GaussianDensity):
        """A density that rounds, and has no value where it does."""

        rounds = True

        @property
        def exact(self) -> "Lost":
            twin = Lost(self.loc, self.covariance, self.dtype)
            twin.rounds = False
            return twin if self.rounds else self

        def rough(self, z: Any, low: Any, scale: float = 1.0) -> Any:
            value, gradient = self.value_and_grad(z)
            return torch.full_like(value, torch.nan), gradient

    density = Lost(torch.zeros(2), torch.eye(2))
    assert first_scaler(density, "auto") == start_scaler("bfloat16")
    done = finished(ViOptions(steps=150, draws=100), density)
    assert done.codes() == ["low_precision"]
    assert done.findings.outcome is Outcome.MAX_ITERATIONS
    assert low(done).restarted


def test_a_state_that_was_stored_goes_on_to_the_same_bits() -> None:
    options = ViOptions(low_precision="float16", **SHORT)
    density = posted(LOGISTIC, logistic_data(), "interpreted", "mixed")

    def onward(state: ViState, steps: int) -> ViState:
        for _ in range(steps):
            state, _ = advance(options, density, state)
        return state

    begun = onward(begin(options, density, torch.Generator().manual_seed(1)), 60)
    while begun.fit is None or not begun.fit.scaler or not begun.fit.scaler.skipped:
        begun = onward(begun, 1)
    stored = pickle.loads(pickle.dumps(begun))
    one, other = onward(begun, 30).fit, onward(stored, 30).fit
    assert one is not None
    assert other is not None
    assert dataclasses.astuple(one.scaler) == dataclasses.astuple(other.scaler)  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, other.parameters, strict=True))
