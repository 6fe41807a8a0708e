"""Every row of the basket can be measured: its text compiles and its log density is finite."""

import json
from typing import Any

import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.traced import TracedDensity
from tests.acceptance import posteriors
from tests.benchmarks.basket import HERE, ROWS


def compiled(definition: dict[str, Any], data: dict[str, Any]) -> TracedDensity:
    return compile_model(parse_definition(definition), load_data(data))


def near_zero(density: TracedDensity) -> torch.Tensor:
    """Two points, away from the origin where signs and scales could cancel."""
    generator = torch.Generator().manual_seed(1)
    return 0.3 * torch.randn(2, density.dim, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_compiles(name: str) -> None:
    row = ROWS[name]
    density = compiled(row.definition(), row.data())
    value, gradient = density.value_and_grad(near_zero(density))
    assert density.dim == row.dimension
    assert tuple(p.name for p in density.parameters) == row.parameters
    assert {d.name for d in density.deterministics} >= set(row.derived)
    assert torch.isfinite(value).all()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["earnings", "mesquite"])
def test_a_text_is_the_posted_graph(name: str) -> None:
    row = ROWS[name]
    ours = compiled(row.definition(), row.data())
    posted = compiled(posteriors.definition(name), posteriors.data(name))
    z = near_zero(ours)
    assert torch.allclose(ours.value(z), posted.value(z), rtol=1e-12)


@pytest.mark.parametrize("name", ROWS)
def test_a_reference_names_what_is_compared(name: str) -> None:
    row = ROWS[name]
    named = {parameter for parameter, _ in row.reference() or {}}
    assert named <= {*row.parameters, *row.derived}


@pytest.mark.parametrize("name", ROWS)
def test_data_are_the_same_at_every_call(name: str) -> None:
    first, second = ({k: load_data({k: v})[k] for k, v in ROWS[name].data().items()} for _ in "ab")
    assert all((first[k] == second[k]).all() for k in first)


@pytest.mark.parametrize("name", ROWS)
def test_there_is_a_stan_program(name: str) -> None:
    assert (HERE / "stan" / f"{ROWS[name].model}.stan").exists()


def test_definitions_are_json() -> None:
    assert all(json.dumps(row.definition()) for row in ROWS.values())
