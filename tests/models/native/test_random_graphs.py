"""Graphs of random operations: what shares a loop, and when, must never change a number."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.models.native.trials import SIZE, Compiled, check, ordinary, trial

#: Numbers of the largest array; graphs of one translation unit.
LARGEST, TOGETHER = 600, 12
_PICKS = torch.tensor([2, 0, -1, 1, 1])


def _dim(x: Tensor, n: int) -> int:
    return n % max(1, x.dim())


def _broadcast(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    try:
        torch.broadcast_shapes(x.shape, y.shape)
    except RuntimeError:
        return x, y.mean()
    return x, y


def _sliced(x: Tensor, n: int) -> Tensor:
    d = _dim(x, n)
    return x.narrow(d, n % 2, max(1, x.shape[d] - 1 - n % 2)) if x.dim() and x.shape[d] > 2 else x


def _long(x: Tensor, n: int) -> Tensor:
    return x.unsqueeze(_dim(x, n)).expand(*x.shape[: _dim(x, n)], 25, *x.shape[_dim(x, n) :])


def _matrix(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1]) if x.dim() else x.reshape(1, 1)


def _put(x: Tensor, y: Tensor, n: int) -> Tensor:
    rows = x.reshape(-1)[:3]
    values = y.reshape(-1)[:1].expand(5)
    target = torch.cat([rows, x.reshape(-1)[:1].expand(3)])
    return target.index_put((_PICKS,), values, accumulate=True) if n % 2 else target


#: From two earlier arrays and a number, a new array.
OPERATIONS: list[Callable[[Tensor, Tensor, int], Tensor]] = [
    lambda x, y, n: x.exp(),
    lambda x, y, n: x.sigmoid(),
    lambda x, y, n: torch.mul(*_broadcast(x, y)),
    lambda x, y, n: torch.add(*_broadcast(x, y), alpha=n - 2),
    lambda x, y, n: _broadcast(x, y)[0] / (1 + _broadcast(x, y)[1].square()),
    lambda x, y, n: torch.where(x > 0, *_broadcast(x, y)),
    lambda x, y, n: x.sum(_dim(x, n), keepdim=n % 2 == 0),
    lambda x, y, n: x.logsumexp(_dim(x, n), keepdim=n % 2 == 0),
    lambda x, y, n: x.mean(),
    lambda x, y, n: x.softmax(_dim(x, n)),
    lambda x, y, n: x.cumsum(_dim(x, n)),
    lambda x, y, n: x.transpose(0, -1) if x.dim() else x,
    lambda x, y, n: x.flip(_dim(x, n)) if x.dim() else x,
    lambda x, y, n: x.reshape(-1),
    lambda x, y, n: x.reshape(-1, x.shape[0]) if x.dim() else x,
    lambda x, y, n: _long(x, n),
    lambda x, y, n: _sliced(x, n),
    lambda x, y, n: x.diagonal(n % 3 - 1) if x.dim() > 1 and min(x.shape[:2]) > 1 else x,
    lambda x, y, n: x.select(_dim(x, n), -1) if x.dim() else x,
    lambda x, y, n: torch.cat([x, x.exp()], _dim(x, n)) if x.dim() else x,
    lambda x, y, n: torch.stack(torch.broadcast_tensors(*_broadcast(x, y)), -1),
    lambda x, y, n: x[_PICKS] if x.dim() and x.shape[0] > 2 else x,
    _put,
    lambda x, y, n: _matrix(x) @ _matrix(x).T,
    lambda x, y, n: _matrix(x).tril(n - 2),
]
Step = tuple[int, int, int, int]
steps = st.tuples(
    st.integers(0, len(OPERATIONS) - 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 4)
)


def built(program: list[Step]) -> Callable[[Tensor], Tensor]:
    """The function that a list of steps stands for; its result depends on every array made."""

    def function(z: Tensor) -> Tensor:
        made = [z[:3], z.view(3, 4), z[0], z.view(2, 3, 2), z[3:].view(3, 3)]
        for operation, first, second, number in program:
            x, y = (made[-1 - n % len(made)] for n in (first, second))
            new = OPERATIONS[operation](x, y, number)
            if 0 < new.numel() <= LARGEST:
                made.append(new.tanh() if operation % 2 else new / 4)
        return torch.stack([x.sum() * (n + 1) for n, x in enumerate(made)])

    return function


@pytest.mark.slow
@settings(max_examples=2, derandomize=True, deadline=None, database=None)
@given(
    programs=st.lists(
        st.lists(steps, min_size=8, max_size=14), min_size=TOGETHER, max_size=TOGETHER
    )
)
def test_random_graphs_give_what_torch_gives(
    programs: list[list[Step]], native_cache: Path
) -> None:
    trials = {str(n): trial(built(program)) for n, program in enumerate(programs)}
    compiled = Compiled(trials, torch.float64, native_cache)
    for name, one in trials.items():
        check(compiled, name, one, ordinary(torch.float64, size=SIZE), rtol=1e-10, atol=1e-10)
