import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.native import views
from models.native.values import Producer, Value, whole

BASE = torch.arange(24.0).reshape(2, 3, 4)


def shown(value: Value) -> Tensor:
    """The numbers that a view shows, found one by one."""
    places = itertools.product(*(range(n) for n in value.shape))
    at = [value.offset + sum(map(int.__mul__, value.strides, place)) for place in places]
    return BASE.reshape(-1)[at].reshape(value.shape)


WHOLE = whole(Producer("x", (2, 3, 4), "real"))
PAIRS: dict[str, tuple[Callable[[Value], Value | None], Callable[[Tensor], Tensor]]] = {
    "select": (lambda v: views.select(v, -2, -1), lambda x: x[:, -1]),
    "cut": (lambda v: views.cut(v, -1, -3, None, 2), lambda x: x[..., -3::2]),
    "cut of nothing": (lambda v: views.cut(v, 0, 2, 1, 1), lambda x: x[2:1]),
    "diagonal": (lambda v: views.diagonal(v, -1, 2, 1), lambda x: x.diagonal(-1, 2, 1)),
    "flipped": (lambda v: views.flipped(v, [0, -1]), lambda x: x.flip(0, -1)),
    "permuted": (lambda v: views.permuted(v, [2, 0, 1]), lambda x: x.permute(2, 0, 1)),
    "swapped": (lambda v: views.swapped(v, 0, -1), lambda x: x.transpose(0, -1)),
    "expand": (
        lambda v: views.expand(views.cut(v, 1, 0, 1, 1), (5, 2, 3, 4)),
        lambda x: x[:, :1].expand(5, 2, 3, 4),
    ),
    "ones": (lambda v: views.ones(v, (2, 1, 3, 1, 4)), lambda x: x[:, None, :, None]),
    "reshape": (lambda v: views.reshape(v, (6, 4)), lambda x: x.reshape(6, 4)),
    "reshape of a part": (
        lambda v: views.reshape(views.cut(v, 0, 1, 2, 1), (12,)),
        lambda x: x[1].reshape(12),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_views_show_what_torch_shows(name: str) -> None:
    ours, torchs = PAIRS[name]
    value = ours(WHOLE)
    assert value is not None
    wanted = torchs(BASE)
    assert value.shape == wanted.shape
    assert torch.equal(shown(value), wanted)


def test_what_does_not_lie_in_order_has_no_other_shape() -> None:
    assert views.reshape(views.swapped(WHOLE, 0, 1), (24,)) is None
    assert views.reshape(views.flipped(WHOLE, [0]), (24,)) is None


def test_a_number_has_dimensions_0_and_minus_1() -> None:
    assert views.dimensions(0, 0) == set()
    assert views.held((), -1) == ()
    assert views.dimensions(-1, 3) == {2}
    assert views.dimensions([], 2) == views.dimensions(None, 2) == {0, 1}
