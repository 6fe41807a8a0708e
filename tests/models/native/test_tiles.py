"""Products in bf16: two at a time where the processor can, and the same where it cannot."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.native.values import Pairs
from tests.models.native.trials import Compiled, Trial, expected, ordinary, trial


def matrix(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def rounded(a: Tensor, b: Tensor) -> Tensor:
    return (a.bfloat16() @ b.bfloat16()).to(a.dtype)


#: Rows and columns even and odd; tiles whole, and rows left over.
SHAPES = ((16, 12), (17, 12), (23, 11), (2, 12), (8, 7))
TRIALS: dict[str, Trial] = {
    f"{rows} x {columns}": trial(
        lambda z, x: rounded(x, z[: x.shape[1]]).sigmoid().log().sum(), matrix(rows, columns)
    )
    for rows, columns in SHAPES
}
#: What takes the processor's own instructions from the source's sight.
WITHOUT = "#undef __AVX512BF16__\n"


@pytest.fixture(scope="module")
def ways(native_cache: Path) -> dict[str, Compiled]:
    return {
        "single": Compiled(TRIALS, torch.float32, native_cache, pairs=False),
        "pairs": Compiled(TRIALS, torch.float32, native_cache),
        "pairs of their own": Compiled(TRIALS, torch.float32, native_cache, prefix=WITHOUT),
    }


@pytest.mark.parametrize("name", TRIALS)
def test_pairs_change_no_more_than_the_order_of_a_sum(name: str, ways: dict[str, Compiled]) -> None:
    rows = ordinary(torch.float32, 5)
    wanted = expected(TRIALS[name], rows)
    for way, compiled in ways.items():
        assert ("vdot" in compiled.source.text) == (way != "single")
        for got, torchs in zip(compiled(name, rows), wanted, strict=True):
            # A sum near the middle of two numbers of bf16 may go either way: 8 digits.
            torch.testing.assert_close(got, torchs, rtol=1e-2, atol=1e-2)


def test_neighbours_lie_in_one_number() -> None:
    x = torch.tensor([[1.0, -2.0, 0.5], [4.0, 0.25, 3.0]], dtype=torch.bfloat16)

    def parts(pairs: Tensor) -> Tensor:
        return pairs.contiguous().view(torch.bfloat16).reshape(*pairs.shape, 2).float()

    along = parts(Pairs(False, 1).of(x))
    assert along.tolist() == [[[1.0, -2.0], [0.5, 0.0]], [[4.0, 0.25], [3.0, 0.0]]]
    down = parts(Pairs(False, 0).of(x))
    assert down.tolist() == [[[1.0, 4.0], [-2.0, 0.25], [0.5, 3.0]]]
    assert torch.equal(Pairs(True, 0).of(x.T), Pairs(False, 0).of(x))
