"""What a survey finds wrong before any number is computed."""

import pytest
import torch

from models.errors import DefinitionError, NotSummableError, TooLargeError
from tests.models.test_traced import density

Y = {"y": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('pyro.sample("y", dist.Normal(0., 1.), obs=y)', "nothing to infer"),
        ('x = pyro.sample("x", dist.Normal(y.sum(), 1.))', "nothing is observed"),
        (
            'x = pyro.sample("x", dist.Normal(0., 1.))\n'
            '    k = pyro.sample("k", dist.Poisson(2.))\n'
            '    pyro.sample("y", dist.Normal(x, 1. + k), obs=y)',
            "'k' has no finite list of values",
        ),
    ],
)
def test_a_model_that_is_not_whole_is_refused(body: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        density(f"def model(y):\n    {body}\n", Y)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.zeros(10**12).sum()",
        "torch.eye(10**6).sum()",
        "(y[:, None] * torch.ones(10**11)).sum()",
    ],
)
def test_a_terabyte_is_refused_before_it_is_allocated(expression: str) -> None:
    source = f"""
def model(y):
    x = pyro.sample("x", dist.Normal(0., 1.))
    pyro.sample("y", dist.Normal(x + {expression}, 1.), obs=y)
"""
    with pytest.raises(TooLargeError, match="memory") as caught:
        density(source, Y)
    assert caught.value.path.startswith("line 4")


def test_a_plate_of_a_trillion_is_refused() -> None:
    source = """
def model(y):
    with pyro.plate("p", 10**12):
        x = pyro.sample("x", dist.Normal(0., 1.))
    pyro.sample("y", dist.Normal(x.sum(), 1.), obs=y)
"""
    with pytest.raises(TooLargeError):
        density(source, Y)


PLATES = """
def model(y):
    x = pyro.sample("x", dist.Normal(0., 1.))
    rows, columns = pyro.plate("row", 2, dim=-2), pyro.plate("column", 2, dim=-1)
    with rows:
        a = pyro.sample("a", dist.Bernoulli(0.3))
    with columns:
        b = pyro.sample("b", dist.Bernoulli(0.3))
    with rows, columns:
        pyro.sample("y", dist.Normal(x + a * b, 1.), obs=y)
"""
STATES = """
def model(y):
    x = pyro.sample("x", dist.Normal(0., 1.))
    total = x
    for t in range(12):
        z = pyro.sample("z_" + str(t), dist.Categorical(torch.ones(10) / 10))
        total = total + z
    pyro.sample("y", dist.Normal(total, 1.), obs=y)
"""
ALONE = """
def model(y):
    with pyro.plate("row", len(y)):
        z = pyro.sample("z", dist.Bernoulli(0.3))
        pyro.sample("y", dist.Normal(2. * z, 1.), obs=y)
"""
COUNT = """
def model(y):
    x = pyro.sample("x", dist.Normal(0., 1.))
    with pyro.plate("row", len(y)):
        n = pyro.sample("n", dist.Poisson(2.))
        z = pyro.sample("z", dist.Bernoulli(0.3))
        pyro.sample("y", dist.Normal(x + n + z, 1.), obs=y)
"""
SQUARE = {"y": [[1.0, 2.0], [0.0, 1.0]]}
#: Source, data, the discrete parameters, the error and what it says.
KEPT = {
    "crossing plates": (PLATES, SQUARE, ("a", "b"), NotSummableError, "'a' and 'b' meet in 'y'"),
    "too many states": (
        STATES,
        {"y": 1.0},
        tuple(f"z_{t}" for t in range(12)),
        TooLargeError,
        "does not list the values of 'z_0'",
    ),
    "nothing else": (ALONE, Y, ("z",), DefinitionError, "nothing to infer"),
    "no list": (COUNT, Y, ("n",), DefinitionError, "'n' has no finite list of values"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_summed_out_is_kept_or_refused(name: str) -> None:
    source, data, kept, error, message = KEPT[name]
    with pytest.raises(error, match=message) as caught:
        density(source, data)
    assert "'vi'" in caught.value.message
    found = density(source, data, discrete=True)
    assert tuple(p.name for p in found.parameters if p.discrete) == kept
    notes = {note.code: note.message for note in found.notes}
    assert all(f"'{name}'" in notes["not_summed_out"] for name in kept)
    assert ("summed_out" in notes) == (name == "no list")
    assert bool(found.value(torch.zeros(1, found.dim).double()).isfinite())


def test_counts_with_a_fixed_total_are_refused_for_every_engine() -> None:
    source = """
def model(y):
    k = pyro.sample("k", dist.Multinomial(4, torch.ones(3) / 3))
    pyro.sample("y", dist.Normal(k[0], 1.), obs=y)
"""
    with pytest.raises(DefinitionError, match="'k' have a fixed total"):
        density(source, {"y": 1.0}, discrete=True)


def test_supports_of_discrete_parameters_have_names() -> None:
    source = """
def model(y, m):
    a = pyro.sample("a", dist.Poisson(2.))
    b = pyro.sample("b", dist.Binomial(m, 0.3))
    c = pyro.sample("c", dist.Categorical(torch.ones(3) / 3).expand([2]).to_event(1))
    pyro.sample("y", dist.Normal(a + b.sum() + c.sum(), 1.), obs=y)
"""
    found = density(source, {"y": 1.0, "m": [4.0, 5.0]}, discrete=True)
    assert [(p.name, p.support, p.size, p.discrete) for p in found.parameters] == [
        ("a", "nonnegative_integer", 1, True),
        ("b", "integer_interval(0, high)", 2, True),
        ("c", "integer_interval(0, 2)", 2, True),
    ]
