"""What a survey finds wrong before any number is computed."""

import pytest

from models.errors import DefinitionError, TooLargeError
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
