import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from models.errors import TooLargeError
from models.estimate import Limits, Meter


def test_intermediates_are_counted_and_views_are_not() -> None:
    with FakeTensorMode(), Meter(Limits()) as meter:
        x = torch.zeros(1000, dtype=torch.float64)
        x = x.reshape(10, 100).T
        x.exp()
    assert meter.bytes == 2 * 8000
    assert meter.operations >= 3


def test_memory_beyond_the_limit_is_refused_by_the_operation_that_asks_for_it() -> None:
    with (
        FakeTensorMode(),
        Meter(Limits(bytes=10**6)),
        pytest.raises(TooLargeError, match="more than"),
    ):
        torch.zeros(10**12)


def test_operations_beyond_the_limit_are_refused() -> None:
    with Meter(Limits(operations=5)), pytest.raises(TooLargeError, match="5 operations"):
        torch.stack([torch.zeros(()) for _ in range(6)])
