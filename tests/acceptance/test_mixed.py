"""Mixed models as formulas: the posteriors that Bambi draws from, within Monte Carlo error."""

import json
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats

from models.compile import compile_model
from models.definition import parse_definition
from models.loading import load_for
from models.toolchain import default_cache, find_compiler
from tests.acceptance.mixed import MIXED, REFERENCES
from tests.workers.engines.runs import finished
from workers.engines.nuts import NutsOptions

#: Standard errors: some 200 numbers are compared, and the errors are estimates.
LIMIT = 4.5
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXED)
def test_a_mixed_models_posterior_is_bambis(name: str) -> None:
    model = MIXED[name]
    published = json.loads((REFERENCES / f"{name}.json").read_text())["reference"]
    definition = parse_definition(model.definition())
    data = {column: values.tolist() for column, values in model.data().items()}
    options = NutsOptions(chains=4, warmup=1000, draws=2000, target_accept=0.9)
    density = compile_model(definition, load_for(definition, data))
    if find_compiler() is not None:
        density.compile(default_cache())
    done = finished(options, density)
    misses = {}
    for (quantity, place), theirs in model.names.items():
        values = done.draws.values(quantity)
        values = values if place is None else values[..., place]
        entries = values.reshape(*values.shape[:2], -1)
        assert entries.shape[2] == len(published[theirs])
        for n, known in enumerate(published[theirs]):
            for number, distance in distances(entries[..., n], known).items():
                misses[theirs, n, number] = distance
    worst = max(misses, key=lambda key: misses[key])
    assert misses[worst] < LIMIT, (worst, misses[worst])


def distances(draws: np.ndarray[Any, Any], known: dict[str, float]) -> dict[str, float]:
    """How far an entry's numbers are from the known ones, in standard errors of both."""
    own = {"mean": (draws.mean(), array_stats.mcse(draws, method="mean"))}
    for name, p in QUANTILES.items():
        error = array_stats.mcse(draws, method="quantile", prob=p)
        own[name] = (np.quantile(draws, p), error)
    return {
        name: abs(float(value) - known[name]) / float(np.hypot(error, known[f"{name}_error"]))
        for name, (value, error) in own.items()
    }
