"""Indexing equals torch's, under vmap and tracing too, where torch reads 0-d indices eagerly."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from models.context import StaticInt
from models.errors import DataError
from models.indexing import subscript
from tests.models.running import context

CUBE = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)
ONE, TWO = torch.tensor(1), torch.tensor(2)
ROW = torch.tensor([2, 0, 1, 1])
ALL = slice(None)

INDICES: list[Any] = [
    1,
    -1,
    ALL,
    None,
    Ellipsis,
    ONE,
    ROW[:2] - 2,
    (0, 1, 2),
    (ALL, 1),
    (ALL, ONE),
    (Ellipsis, ONE),
    (Ellipsis, -TWO),
    (ONE, ALL, TWO),
    (ONE, TWO),
    (None, ONE, None, TWO),
    (0, ALL, ROW),
    (ALL, ROW[1:], 0),
    (ONE, ROW),
    (ONE, ROW, ALL),
    (ALL, ROW, slice(1, 3)),
    (slice(0, 1), slice(None, None, 2), None),
    (ONE, Ellipsis, None),
    (torch.tensor([[0], [1]]), ROW),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_equals_torch(index: Any) -> None:
    assert torch.equal(subscript(context(), CUBE, index), CUBE[index])
    assert torch.equal(subscript(context(checks=True), CUBE, index), CUBE[index])


def pick(i: torch.Tensor) -> torch.Tensor:
    value: torch.Tensor = subscript(context(), CUBE, (1, i))
    return value


@pytest.mark.parametrize("wrap", [torch.func.vmap, lambda f: make_fx(torch.func.vmap(f))(ROW)])
def test_a_single_index_under_vmap_and_tracing(wrap: Callable[..., Any]) -> None:
    assert torch.equal(wrap(pick)(ROW), CUBE[1, ROW])


def test_indices_may_be_real_numbers_that_are_whole() -> None:
    assert torch.equal(subscript(context(), CUBE[0, 0], ROW.double()), CUBE[0, 0][ROW])
    with pytest.raises(TypeError, match="not a whole number"):
        subscript(context(checks=True), CUBE, torch.tensor([0.5]))


def test_static_integers_index_and_are_remembered() -> None:
    where = context()
    assert torch.equal(subscript(where, CUBE, StaticInt(1, frozenset("k"))), CUBE[1])
    assert where.static_names == {"k"}


@pytest.mark.parametrize(
    ("index", "fragment"),
    [
        (torch.tensor([0, 2]), "index 2 is out of range for dimension 0 of size 2"),
        (torch.tensor([-3]), "index -3 is out of range for dimension 0 of size 2"),
        ((ALL, torch.tensor(3)), "index 3 is out of range for dimension 1 of size 3"),
        ((Ellipsis, None, torch.tensor([4])), "index 4 is out of range for dimension 2 of size 4"),
    ],
)
def test_indices_outside_are_found_by_the_check(index: Any, fragment: str) -> None:
    with pytest.raises(DataError, match=fragment):
        subscript(context(checks=True), CUBE, index)


@pytest.mark.parametrize("index", [2, (0, 0, 0, 0), (0, 5)])
def test_plain_indices_outside(index: Any) -> None:
    with pytest.raises(IndexError):
        subscript(context(), CUBE, index)


def test_boolean_indices() -> None:
    mask = torch.tensor([True, False])
    with pytest.raises(TypeError, match=r"write where\(condition, a, b\)"):
        subscript(context(), CUBE, mask)
    assert torch.equal(subscript(context(), CUBE, mask, booleans=True), CUBE[mask.long()])


def test_lists() -> None:
    assert subscript(context(), (1, 2, 3), -1) == 3
    assert subscript(context(), (1, 2, 3), slice(1, None)) == (2, 3)
    assert subscript(context(), (5, 7), torch.tensor([1, 0])).tolist() == [7, 5]
    with pytest.raises(IndexError, match="indices start at 0"):
        subscript(context(), (1, 2), 2)
    with pytest.raises(TypeError, match="has no parts"):
        subscript(context(), 3, 0)
