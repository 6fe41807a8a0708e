"""NUTS on a model as it is posted: eight schools, against posteriordb's reference draws."""

import math

import pytest
from pydantic import TypeAdapter

from models.compile import compile_model
from models.data import load_data
from models.definition import ModelDefinition
from tests.workers.engines.runs import finished
from workers.engines.nuts import NutsOptions
from workers.results import Outcome

EIGHT_SCHOOLS = {
    "language": "graph",
    "plates": {"school": "len(y)"},
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "tau", "distribution": "HalfCauchy", "args": {"scale": 5}},
        {
            "name": "eta",
            "distribution": "Normal",
            "args": {"loc": 0, "scale": 1},
            "plates": ["school"],
        },
        {"name": "theta", "value": "mu + tau * eta"},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "theta", "scale": "sigma"},
            "plates": ["school"],
            "observed": "y",
        },
    ],
}
DATA = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}


@pytest.mark.slow
def test_eight_schools() -> None:
    definition = TypeAdapter(ModelDefinition).validate_python(EIGHT_SCHOOLS)
    density = compile_model(definition, load_data(DATA))
    done = finished(NutsOptions(warmup=400, draws=400), density)
    assert done.findings.outcome == Outcome.COMPLETED
    summary = done.findings.summary
    assert list(summary) == ["mu", "tau", "eta", "theta"]
    assert max(summary["theta"].r_hat) < 1.01
    # posteriordb, eight_schools-eight_schools_noncentered: reference means.
    for name, mean in (("mu", 4.41), ("tau", 3.60)):
        assert math.isclose(summary[name].mean, mean, abs_tol=4 * summary[name].mcse_mean + 0.02)
    first, sd = summary["theta"].mean[0], summary["theta"].sd[0]
    assert math.isclose(first, 6.15, abs_tol=4 * summary["theta"].mcse_mean[0] + 0.05)
    assert 4.5 < sd < 6.5
