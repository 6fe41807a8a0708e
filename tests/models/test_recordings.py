"""Recorded functions of a point: bound to data, with data that change, and one by one."""

import torch
from torch import Tensor

from models.cache import Cache
from models.recordings import Recordings

DATA = torch.tensor([2.0, 3.0])
Z = torch.tensor([[1.0, 1.0], [0.5, 2.0], [0.0, -1.0]])


def product(z: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
    return (z * data).sum(), z + 1.0


def branching(z: Tensor, data: Tensor) -> tuple[Tensor]:
    """What vmap cannot batch: a shape that values decide."""
    return (z[torch.nonzero(z > -10.0)[:, 0]].sum() * data[0],)


def recordings(told: list[str]) -> Recordings:
    return Recordings(Cache(), "model", [DATA], told.append, torch.device("cpu"))


def test_a_function_is_replayed_for_any_number_of_chains() -> None:
    told: list[str] = []
    kept = recordings(told)
    for count in (3, 1, 3):
        value, moved = kept.replay("product", product, Z[:count])
        torch.testing.assert_close(value, (Z[:count] * DATA).sum(1))
        torch.testing.assert_close(moved, Z[:count] + 1.0)
    assert told == []


def test_data_may_change_from_call_to_call() -> None:
    kept = recordings([])
    for scale in (1.0, 5.0):
        value, _ = kept.call("product", product, Z, [scale * DATA])
        torch.testing.assert_close(value, scale * (Z * DATA).sum(1))
        assert not value.is_inference()


def test_what_cannot_be_batched_is_called_one_by_one_and_it_is_told() -> None:
    told: list[str] = []
    kept = recordings(told)
    (value,) = kept.replay("branching", branching, Z)
    torch.testing.assert_close(value, Z.sum(1) * 2.0)
    (again,) = kept.call("other", branching, Z, [DATA])
    torch.testing.assert_close(again, value)
    assert told
