from typing import Any

import pytest
import torch

from models.binding import did_you_mean, plain_integer
from models.context import StaticInt
from models.distributions import make
from models.errors import DefinitionError
from tests.models.distribution_cases import CPU


def build(name: str, *args: Any, **kwargs: Any) -> Any:
    return make(name, args, kwargs, dtype=torch.float64, device=CPU)


def test_arguments_bind_by_position_by_name_and_by_default() -> None:
    for fn in (build("StudentT", 4, 1, 2), build("StudentT", 4, scale=2, loc=1)):
        assert (fn.df, fn.loc, fn.scale) == (4, 1, 2)
    fn = build("StudentT", 4)
    assert (fn.loc, fn.scale) == (0, 1)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        ("Normal", (0,), {}, r"needs the argument 'scale': Normal\(loc, scale\)"),
        ("Normal", (0, 1, 2), {}, "takes at most 2 arguments by position"),
        ("Normal", (0,), {"loc": 1, "scale": 1}, "argument 'loc' twice"),
        ("Normal", (0,), {"scal": 1}, "no argument 'scal'; did you mean 'scale'"),
        ("Normal", (0,), {"sigma": 1}, r"no argument 'sigma': Normal\(loc, scale\)"),
        ("Bernoulli", (0.5, 0.0), {}, "got 'probs' and 'logits'; give only one"),
        ("Bernoulli", (), {}, "needs one of 'probs' or 'logits'"),
        ("MultivariateNormal", ((0, 0),), {}, "needs one of 'covariance_matrix'"),
        ("ZeroInflatedPoisson", (1, 0.5), {}, "at most 1 argument"),
        ("LKJCholesky", (1,), {}, "'dim' of LKJCholesky must be 2 or more; it is 1"),
        ("LKJCholesky", (2.5,), {}, "must be an integer known before the model runs"),
        ("LKJCholesky", (torch.tensor(3),), {}, "must be an integer known"),
        ("Normal", ("a", 1), {}, "must be a number or an array, not text"),
        ("Normal", (None, 1), {}, "needs the argument 'loc'"),
        ("Normal", (1j, 1), {}, "must be a number or an array"),
        ("Normal", (torch.ones(2) * 1j, 1), {}, "must be real"),
        ("MixtureSameFamily", (1, 2), {}, "must be a distribution, such as Normal"),
        ("ImproperUniform", (3,), {}, "must be a support such as"),
        ("ImproperUniform", ("postive",), {}, "did you mean 'positive'"),
        ("ImproperUniform", ("real", (), (-1,)), {}, "must be 0 or more"),
    ],
)
def test_wrong_arguments_say_what_to_write(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        build(name, *args, **kwargs)


@pytest.mark.parametrize("value", [2, 2.0, True, StaticInt(2, frozenset({"n"})), torch.tensor(2)])
def test_every_kind_of_number_becomes_a_tensor_of_the_dtype(value: Any) -> None:
    fn = build("Normal", value, 1)
    assert fn.loc.dtype == torch.float64
    assert fn.loc == float(value if not isinstance(value, StaticInt) else value.value)


def test_lists_may_hold_tensors() -> None:
    fn = build("Normal", (torch.tensor(1.0), 2, (3.5)), 1)
    torch.testing.assert_close(fn.loc, torch.tensor([1.0, 2.0, 3.5], dtype=torch.float64))


def test_a_literal_keeps_its_float64_digits() -> None:
    assert build("Normal", 0.1, 1).loc.item() == 0.1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (3.0, 3),
        (3.5, None),
        (True, None),
        (torch.tensor(3), None),
        (StaticInt(3, frozenset()), 3),
        ("3", None),
    ],
)
def test_plain_integers(value: Any, expected: int | None) -> None:
    assert plain_integer(value) == expected


def test_near_names_are_found_whatever_their_case() -> None:
    assert did_you_mean("POISON", ["Normal", "Poisson"]) == "; did you mean 'Poisson'?"
    assert did_you_mean("xyzzy", ["Normal", "Poisson"]) == ""
