"""What stays of a model's text: the model, at its lines and columns."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from services.client.errors import InputError
from services.client.source import function_source, plain_source

FILE = '''\
"""A model."""
import pyro  # the language
import pyro.distributions as dist
from torch import (
    Tensor,
    tensor,
)

def model(y: "Tensor", sigma: dict[str, int] = None) -> Callable[[int], Tensor]:  # data
    """Eight
    schools."""
    import torch
    mu: Tensor = pyro.sample("mu # no comment", dist.Normal(0., 5.))  # ä
    pyro.sample('y', dist.Normal(mu, sigma), obs=y)
'''


def schools(y, sigma):
    # A comment.
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))  # noqa: F821
    pyro.sample("y", dist.Normal(mu, sigma), obs=y)  # noqa: F821


def test_what_only_python_needs_is_blanked_out() -> None:
    plain = plain_source(FILE)
    assert [line.split() for line in plain.splitlines() if line] == [
        ["def", "model(y", ",", "sigma", "=", "None)", ":"],
        ["mu", "=", 'pyro.sample("mu', "#", "no", 'comment",', "dist.Normal(0.,", "5.))"],
        ["pyro.sample('y',", "dist.Normal(mu,", "sigma),", "obs=y)"],
    ]


@pytest.mark.parametrize(
    "piece", ["pyro.sample('y'", "obs=y", "= pyro.sample", "def model", "sigma"]
)
def test_what_stays_keeps_its_line_and_column(piece: str) -> None:
    def position(text: str) -> tuple[int, int]:
        lines = text.splitlines()
        return next((n, line.index(piece)) for n, line in enumerate(lines) if piece in line)

    assert position(plain_source(FILE)) == position(FILE)


def test_a_function_is_sent_dedented_from_its_def() -> None:
    assert function_source(schools).splitlines() == [
        "def schools(y, sigma):",
        "",
        '    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))',
        '    pyro.sample("y", dist.Normal(mu, sigma), obs=y)',
    ]

    def nested(y):
        pyro.factor("f", y)  # noqa: F821

    assert function_source(nested) == 'def nested(y):\n    pyro.factor("f", y)\n'


@pytest.mark.parametrize(
    "text",
    ["def model(:\n", "def model(y):\n    x = 'open\n", "import a; x = 1\n", "x\0y", "(" * 5000],
)
def test_text_that_does_not_parse_goes_as_it_is(text: str) -> None:
    assert plain_source(text) == text


def test_a_carriage_return_is_no_part_of_the_text() -> None:
    assert plain_source("def model(y):\r\n    x = y  # c\r\n") == "def model(y):\n    x = y\n"


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any) -> Any:
        return function(*args)

    return inner


@decorated
def compiled(y):
    return y


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (compiled, "compiled is decorated; take the decorator away"),
        (lambda y: y, "write it with `def`"),
        (len, "the text of len cannot be found"),
    ],
)
def test_what_has_no_plain_text_is_refused(function: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        function_source(function)
