"""What a checker tells about a model's sites, and its log likelihood at many points."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.data import load_data
from models.definition import parse_definition
from models.errors import DataError
from services.gateway import observations as module
from services.gateway.observations import log_likelihood, observations
from services.gateway.packed import pack, unpack
from services.gateway.validator import Validator

MODEL = {
    "language": "pyro",
    "source": (
        "def model(y):\n"
        "    m = pyro.sample('m', dist.Normal(torch.zeros(2), 1.).to_event(1))\n"
        "    s = pyro.sample('s', dist.HalfNormal(1.))\n"
        "    with pyro.plate('row', 3):\n"
        "        pyro.sample('y', dist.Normal(m, s).to_event(1), obs=y)\n"
    ),
}
Y = [[0.5, 1.0], [1.5, -2.0], [0.0, 3.0]]
GENERATOR = np.random.default_rng(4)
POINTS = {"m": GENERATOR.normal(size=(7, 2)), "s": GENERATOR.uniform(0.5, 2.0, size=7)}
PACKED = {name: pack(values) for name, values in POINTS.items()}


def wanted() -> Any:
    scale = POINTS["s"][:, None, None]
    return stats.norm(POINTS["m"][:, None, :], scale).logpdf(np.array(Y)).sum(-1)


def test_sites_and_what_they_observe() -> None:
    found = observations(parse_definition(MODEL), load_data({"y": Y}))
    assert found["parameters"] == ["m", "s"]
    assert found["dims"] == {"m": [None], "s": [], "y": ["row", None]}
    assert unpack(found["observed"]["y"]).tolist() == Y


@pytest.mark.parametrize("evaluation_bytes", [2**28, 1])
def test_the_log_likelihood_of_every_row_at_every_point(
    evaluation_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With one byte at once the points go one by one.
    monkeypatch.setattr(module, "BYTES", evaluation_bytes)
    found = log_likelihood(parse_definition(MODEL), load_data({"y": Y}), PACKED)
    assert list(found) == ["y"]
    np.testing.assert_allclose(unpack(found["y"]), wanted(), rtol=1e-12)


def test_discrete_unknowns_are_points_too() -> None:
    source = (
        "def model(y):\n"
        "    with pyro.plate('row', len(y)):\n"
        "        n = pyro.sample('n', dist.Poisson(3.0))\n"
        "        pyro.sample('y', dist.Binomial(n, 0.4), obs=y)\n"
    )
    model, data = parse_definition({"language": "pyro", "source": source}), load_data({"y": [1, 2]})
    assert observations(model, data)["dims"] == {"n": ["row"], "y": ["row"]}
    counts = np.array([[1.0, 2.0], [4.0, 3.0], [2.0, 7.0]])
    found = log_likelihood(model, data, {"n": pack(counts)})
    exact = stats.binom(counts, 0.4).logpmf([1, 2])
    np.testing.assert_allclose(unpack(found["y"]), exact, rtol=1e-12)


def test_factors_alone_are_no_observations() -> None:
    model = parse_definition(
        {
            "language": "graph",
            "sites": [
                {"name": "a", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
                {"name": "f", "log_factor": "-a * a"},
            ],
        }
    )
    assert observations(model, {}) == {"parameters": ["a"], "dims": {"a": []}, "observed": {}}
    assert log_likelihood(model, {}, {"a": pack(np.zeros(3))}) == {}


def test_a_checker_answers_both(validator: Validator) -> None:
    assert validator.observations(MODEL, {"y": Y})["dims"]["y"] == ["row", None]
    found = validator.log_likelihood(MODEL, {"y": Y}, PACKED)
    np.testing.assert_allclose(unpack(found["y"]), wanted(), rtol=1e-12)
    with pytest.raises(DataError) as caught:
        validator.observations(MODEL, {})
    assert caught.value.path == "data.y"
