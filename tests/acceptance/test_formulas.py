"""The published posteriors that are formulas: the same log densities, and the same posteriors."""

import numpy as np
import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.formula.design import design
from models.loading import load_for
from services.client import Client
from tests.acceptance.formulas import FORMULAS, formula, ours
from tests.acceptance.posteriors import data, definition, raw_data, reference


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_the_log_density_of_the_published_model(name: str) -> None:
    asked = parse_definition(formula(name))
    # All that was published with it: a formula ignores what it does not name.
    mine = compile_model(asked, load_for(asked, raw_data(name)))
    theirs = compile_model(parse_definition(definition(name)), load_data(data(name)))
    # At points of the published posterior.
    published = reference(name)
    draw = np.random.default_rng(1)
    points = {
        key: torch.from_numpy(draw.normal(found.mean, found.sd, 5))
        for key, found in published.items()
    }
    beta = torch.stack([points["beta", i] for i in range(len(points) - 1)], 1)
    sigma = points["sigma", None]
    means = torch.from_numpy(design(asked, raw_data(name)).arrays["X_mean"])
    alpha = beta[:, 0] + beta[:, 1:] @ means
    values = {"alpha": alpha, "beta": beta[:, 1:], "sigma": sigma}
    found = mine.terms(mine.unconstrain(values))
    other = theirs.terms(theirs.unconstrain({"beta": beta, "sigma": sigma}))
    difference = found.log_prior + found.log_likelihood - other.log_prior - other.log_likelihood
    torch.testing.assert_close(difference, difference[:1].expand(5), rtol=1e-8, atol=1e-8)


@pytest.mark.acceptance
@pytest.mark.ray
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", FORMULAS)
def test_the_posterior_of_a_formula_is_the_published_one(service: str, name: str) -> None:
    engine = {"kind": "nuts", "chains": 4, "warmup": 1000, "draws": 1000}
    with Client(service) as client:
        result = client.fit(
            formula(name), raw_data(name), engine, seed=20_261_126, progress=False, timeout=1200
        )
    misses = []
    for (parameter, index), published in reference(name).items():
        own, entry = ours(parameter, index)
        summary = result["summary"][own]
        mean, error, r_hat = (
            summary[field] if entry is None else summary[field][entry]
            for field in ("mean", "mcse_mean", "r_hat")
        )
        combined = np.hypot(error, published.sd / np.sqrt(published.draws))
        misses.append(abs(mean - published.mean) / combined)
        assert r_hat < 1.02, (parameter, index)
    assert max(misses) < 4, misses
