"""Every ready-made model runs on its example data, in both precisions, with every check on."""

import pytest
import torch

from models.catalog import catalog, resolve
from models.definition import CatalogDefinition
from models.errors import DefinitionError
from models.outline import Role, outline
from models.programs import build_program
from tests.models.running import context, trace


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", catalog())
def test_runs_on_its_example(name: str, dtype: torch.dtype) -> None:
    ready = catalog()[name]
    assert ready.description.count("\n") >= 1
    definition = CatalogDefinition(language="catalog", name=name)
    program = build_program(definition)
    sites = outline(definition).sites
    at = {s.name: [-1.0, 1.0] for s in sites if (name, s.name) == ("gaussian_mixture", "mu")}
    recorded = trace(program, ready.data, at, context(dtype, checks=True))
    assert recorded.log_prob_sum().dtype == dtype
    assert torch.isfinite(recorded.log_prob_sum())
    assert {Role.LATENT, Role.OBSERVED} <= {site.role for site in sites}


def test_has_the_models_of_the_contract() -> None:
    assert set(catalog()) >= {
        "eight_schools",
        "linear_regression",
        "logistic_regression",
        "poisson_regression",
        "gaussian_mixture",
        "gaussian_process_regression",
    }


def test_unknown_names_and_options() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'eight_schools'") as caught:
        resolve(CatalogDefinition(language="catalog", name="eight_school"))
    assert caught.value.path == "model.name"
    with pytest.raises(DefinitionError, match="has no options") as caught:
        resolve(CatalogDefinition(language="catalog", name="eight_schools", options={"a": 1}))
    assert caught.value.path == "model.options.a"
