"""A model says the same in both languages."""

import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from tests.acceptance.posteriors import TWICE, data, definition


@pytest.mark.parametrize("name", TWICE)
def test_both_languages_give_the_same_log_density(name: str) -> None:
    arrays = load_data(data(name))
    pyro, graph = (
        compile_model(parse_definition(definition(name, language)), arrays)
        for language in ("pyro", "graph")
    )
    assert [p.name for p in pyro.parameters] == [p.name for p in graph.parameters]
    z = torch.randn(5, pyro.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(pyro.value(z), graph.value(z), rtol=1e-10, atol=0)
    torch.testing.assert_close(
        pyro.value_and_grad(z)[1], graph.value_and_grad(z)[1], rtol=1e-8, atol=1e-8
    )
