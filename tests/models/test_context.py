"""Values become tensors in the run's dtype, and static integers are remembered."""

import pytest
import torch

from models.context import Context, StaticInt, as_static
from models.errors import DefinitionError
from tests.models.running import context

N = StaticInt(3, frozenset("n"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "value", [True, 2, 2.5, N, (1, 2), (1, N), ((1.5, 2), (3, True)), torch.ones(2).bool()]
)
def test_real_is_in_the_runs_dtype(value: object, dtype: torch.dtype) -> None:
    assert context(dtype).real(value).dtype == dtype


@pytest.mark.parametrize("value", [True, 2, N, (1, 2), (1, N), torch.ones(2).bool()])
def test_integers_stay_integers(value: object) -> None:
    assert context(torch.float32).tensor(value).dtype == torch.int64


def test_mixed_lists_are_real() -> None:
    assert context(torch.float32).tensor((1, 2.5)).dtype == torch.float32
    stacked = context(torch.float32).tensor((N, torch.ones(())))
    assert stacked.tolist() == [3.0, 1.0]


def test_literals_keep_all_digits() -> None:
    assert context().real(0.1).item() == 0.1
    assert context().real((0.1,)).tolist() == [0.1]
    assert context().tensor(2**62 + 1).item() == 2**62 + 1


def test_static_integers_remember_their_data() -> None:
    where = context()
    assert as_static(N, where) == 3
    assert as_static(4, where) == 4
    assert where.static_names == {"n"}
    assert where.truth(StaticInt(0, frozenset("m"))) is False
    assert where.static_names == {"n", "m"}


@pytest.mark.parametrize("value", [2.5, True, "a", None, torch.ones(()), (1,)])
def test_what_is_not_static_says_so(value: object) -> None:
    with pytest.raises(TypeError, match="a size needs an integer that is known before"):
        context().static(value, "a size")


def test_integers_beyond_an_int64() -> None:
    with pytest.raises(DefinitionError, match=r"beyond 2\^63"):
        StaticInt(2**63, frozenset())


def test_two_contexts_do_not_share_names() -> None:
    one, other = (Context(torch.float64, torch.device("cpu")) for _ in range(2))
    one.static(N)
    assert other.static_names == set()


@pytest.mark.parametrize("value", ["a", None, slice(None), ()])
def test_what_is_no_number(value: object) -> None:
    if value == ():
        assert context().real(value).shape == (0,)
        return
    with pytest.raises(TypeError, match="expected numbers"):
        context().real(value)
