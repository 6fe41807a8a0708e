"""An exponential that is known is not computed again: seen in the text, and right in `rules`."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.models.native.trials import Compiled, trial


def exponentials(function: Callable[[Tensor], Tensor]) -> int:
    unit = Compiled({"one": trial(function)}, torch.float64, None, False)
    return unit.source.text.count("vexp(")


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z.logsumexp(0),
        lambda z: z.view(3, 4).logsumexp(1),
        lambda z: z.view(3, 4).logsumexp(0, keepdim=True),
        lambda z: z.log_softmax(0),
        lambda z: (z - z.logsumexp(0)).exp(),
    ],
)
def test_a_derivative_asks_for_shares_that_are_there(function: Callable[[Tensor], Tensor]) -> None:
    assert exponentials(function) == 1


def test_other_differences_are_taken_for_themselves() -> None:
    assert exponentials(lambda z: (z.flip(0) - z.logsumexp(0)).exp()) == 2
    assert exponentials(lambda z: (z - z.flip(0).logsumexp(0) * 2).exp()) == 2
