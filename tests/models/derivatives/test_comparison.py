"""Where two modes differ most."""

import math

import torch

from models.density import Parameter
from models.derivatives.basis import Basis
from models.derivatives.comparison import largest_disagreement
from models.derivatives.derivative import Derivative

BASIS = Basis([Parameter("a", (), "real", 1, 0), Parameter("b", (2,), "real", 2, 1)])


def derivative(*gradient: float, hessian: torch.Tensor | None = None) -> Derivative:
    return Derivative(torch.zeros(()), torch.tensor(gradient).double(), hessian=hessian)


def test_the_entry_and_the_modes_are_named() -> None:
    found = {
        "reverse": derivative(1.0, 200.0, 3.0),
        "forward": derivative(1.0, 200.0, 3.0),
        "numeric": derivative(1.0, 202.0, 3.001),
    }
    worst = largest_disagreement(found, BASIS)
    assert worst is not None
    assert math.isclose(worst.size, 2 / 202)
    assert (worst.what, worst.entry, worst.modes) == ("gradient", "b[0]", ("reverse", "numeric"))


def test_hessians_count_too() -> None:
    eye = torch.eye(3).double()
    off = eye.clone()
    off[2, 1] = 0.5
    one, other = derivative(0, 0, 0, hessian=eye), derivative(0, 0, 0, hessian=off)
    worst = largest_disagreement({"reverse": one, "numeric": other}, BASIS)
    assert worst is not None
    assert (worst.what, worst.entry, worst.size) == ("hessian", "b[1], b[0]", 0.5)


def test_a_number_that_only_one_has_is_a_difference_without_bound() -> None:
    one, other = derivative(1, math.nan, 3), derivative(1, 2, 3)
    worst = largest_disagreement({"reverse": one, "forward": other}, BASIS)
    assert worst is not None
    assert worst.size == math.inf
    assert worst.entry == "b[0]"
    same = largest_disagreement({"reverse": one, "forward": one}, BASIS)
    assert same is not None
    assert same.size == 0.0


def test_one_mode_has_nothing_to_differ_from() -> None:
    assert largest_disagreement({"reverse": derivative(1, 2, 3)}, BASIS) is None
