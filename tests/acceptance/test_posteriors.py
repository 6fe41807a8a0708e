"""NUTS over REST meets the published posteriors: means and quantiles within Monte Carlo error."""

from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats

from services.client import Client
from tests.acceptance.posteriors import NAMES, Reference, data, definition, reference

pytestmark = [pytest.mark.acceptance, pytest.mark.ray, pytest.mark.timeout(1500)]

ENGINE = {"kind": "nuts", "chains": 4, "warmup": 1000, "draws": 1000}
#: From a draw of the prior a chain may stay for long in the mixture's minor mode, where both
#: components lie in one place.
STARTS = {"gaussian_mixture": "pathfinder"}
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}


@pytest.fixture(scope="module")
def jobs(service: str) -> dict[str, str]:
    """All eight fits, submitted at once so that the workers share them."""
    with Client(service) as client:
        ids = {}
        for name in NAMES:
            engine = {**ENGINE, "init": STARTS.get(name, "prior")}
            # On one tier throughout: when a run under `auto` changes over, and with that its draws,
            # the clock decides, and a bound on R-hat is met by most draws, not by all.
            job = client.submit(
                definition(name), data(name), engine, seed=20_261_123, tier="compiled"
            )
            ids[name] = job["id"]
        return ids


def entry(values: Any, index: int | None) -> Any:
    return values if index is None else values[..., index]


def quantile_error(draws: np.ndarray[Any, Any], probability: float, published: Reference) -> float:
    """Combined Monte Carlo error of our quantile and of the reference's.

    The reference's draws are independent: the error of its quantile is the distance to the order
    statistics one binomial standard error away, read off our own draws.
    """
    ours = float(array_stats.mcse(draws, method="quantile", prob=probability))
    spread = np.sqrt(probability * (1 - probability) / published.draws)
    low, high = np.quantile(draws, [probability - spread, probability + spread])
    return float(np.hypot(ours, (high - low) / 2))


@pytest.mark.parametrize("name", NAMES)
def test_the_posterior_is_the_published_one(service: str, jobs: dict[str, str], name: str) -> None:
    with Client(service) as client:
        job = client.wait(jobs[name], timeout=1200)
        assert job["state"] == "succeeded", job["error"]
        result, draws = client.result(job), client.draws(job)

    misses = []
    for (parameter, index), published in reference(name).items():
        mine = entry(draws[parameter], index)
        summary = {k: entry(np.asarray(v), index) for k, v in summary_of(result, parameter).items()}
        error = np.hypot(summary["mcse_mean"], published.sd / np.sqrt(published.draws))
        misses.append(abs(summary["mean"] - published.mean) / error)
        for field, probability in QUANTILES.items():
            distance = abs(np.quantile(mine, probability) - getattr(published, field))
            misses.append(distance / quantile_error(mine, probability, published))
        assert summary["r_hat"] < 1.02, (parameter, index)
    assert max(misses) < 4, misses


def summary_of(result: dict[str, Any], parameter: str) -> dict[str, Any]:
    summary = result["summary"][parameter]
    return {field: summary[field] for field in ("mean", "mcse_mean", "r_hat")}
