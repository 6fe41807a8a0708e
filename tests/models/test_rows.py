"""Which data are by row is seen, and a likelihood that is no sum over rows is refused."""

from typing import Any

import numpy as np
import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.errors import DefinitionError
from models.rows import Rows, find_rows
from models.traced import TracedDensity
from tests.models.running import body

RNG = np.random.default_rng(0)
Y, X = RNG.normal(size=50), RNG.normal(size=(50, 2))


def compiled(source: str, **data: Any) -> TracedDensity:
    definition = parse_definition({"language": "pyro", "source": source})
    return compile_model(definition, load_data(data))


REGRESSION = body(
    'beta = pyro.sample("beta", dist.Normal(0.0, 5.0).expand([2]).to_event(1))',
    'with pyro.plate("row", count):',
    '    pyro.sample("y", dist.Normal(X @ beta, scale), obs=y)',
    arguments="X, y, scale, count",
)


def test_arrays_and_the_count_of_a_regression_are_by_row() -> None:
    density = compiled(REGRESSION, X=X, y=Y, scale=2.0, count=50)
    assert find_rows(density) == Rows(50, ("X", "y"), ("count",))


def test_some_rows_have_the_density_of_a_model_of_these_rows() -> None:
    density = compiled(REGRESSION, X=X, y=Y, scale=2.0, count=50)
    rows = torch.tensor([3, 40, 7])
    bound = find_rows(density).bound(density, rows)
    own = compiled(REGRESSION, X=X[rows], y=Y[rows], scale=2.0, count=3)
    z = torch.tensor([[0.3, -0.8]], dtype=torch.float64)
    assert bound.observations == 3
    torch.testing.assert_close(bound.value(z), own.value(z), rtol=1e-12, atol=0)


def test_groups_and_summed_out_latents_of_a_row_are_by_row() -> None:
    groups = body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0).expand([3]).to_event(1))',
        'with pyro.plate("row", len(y)):',
        '    pyro.sample("y", dist.Normal(a[group], 1.0), obs=y)',
        arguments="y, group",
    )
    found = find_rows(compiled(groups, y=Y, group=RNG.integers(0, 3, size=50)))
    assert found.names == ("group", "y")
    mixture = body(
        'm = pyro.sample("m", dist.Normal(0.0, 1.0).expand([2]).to_event(1))',
        'with pyro.plate("row", len(y)):',
        '    k = pyro.sample("k", dist.Categorical(torch.ones(2) / 2))',
        '    pyro.sample("y", dist.Normal(m[k], 1.0), obs=y)',
    )
    assert find_rows(compiled(mixture, y=Y)).names == ("y",)


REFUSED = {
    "no array of the data has so many": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        'pyro.sample("next", dist.Normal(a * y[:-1], 1.0).to_event(1), obs=y[1:])',
    ),
    "what it says of a row of 'next' hangs on other rows too": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        "before = torch.cat([torch.zeros(1), y[:-1]])",
        'with pyro.plate("time", len(y)):',
        '    pyro.sample("next", dist.Normal(a * before, 1.0), obs=y)',
    ),
    "what it says of a row of 'y' hangs on other rows too": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        'with pyro.plate("row", len(y)):',
        '    pyro.sample("y", dist.Normal(a + y.mean(), 1.0), obs=y)',
    ),
    "unknowns of its own for every row: 'a'": body(
        'with pyro.plate("row", len(y)):',
        '    a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        '    pyro.sample("y", dist.Normal(a, 1.0), obs=y)',
    ),
    "it has log factors": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        'pyro.factor("more", -a * a)',
        'with pyro.plate("row", len(y)):',
        '    pyro.sample("y", dist.Normal(a, 1.0), obs=y)',
    ),
    "'one' has 50, 'two' has 20": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        'pyro.sample("one", dist.Normal(a, 1.0), obs=y)',
        'pyro.sample("two", dist.Normal(a, 1.0), obs=y[:20])',
    ),
    "a prior hangs on the rows": body(
        'a = pyro.sample("a", dist.Normal(y.mean(), 1.0))',
        'with pyro.plate("row", len(y)):',
        '    pyro.sample("y", dist.Normal(a, 1.0), obs=y)',
    ),
    "cannot be bound to some of its rows alone": body(
        'a = pyro.sample("a", dist.Normal(0.0, 1.0))',
        'with pyro.plate("row", len(y)):',
        '    pyro.sample("y", dist.Normal(a * torch.ones(50), 1.0), obs=y)',
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_likelihood_that_is_no_sum_over_rows_is_refused(why: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        find_rows(compiled(REFUSED[why], y=Y))
    assert why in caught.value.message
    assert "no minibatches" in caught.value.message
