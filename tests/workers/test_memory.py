"""A bounded memory of draws: evenly thinned, whatever blocks they come in."""

import pytest
import torch
from arviz_stats.base import array_stats
from torch import Tensor

from workers import memory as module
from workers.memory import FEWEST_DRAWS, Memory


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 240)


def numbered(draws: int, chains: int = 2, dim: int = 3) -> Tensor:
    """Draws whose entries tell chain, draw and dimension apart."""
    number = torch.arange(chains * draws * dim, dtype=torch.float64)
    return number.reshape(chains, draws, dim)


def added(z: Tensor, size: int) -> Memory:
    memory = Memory()
    for block in z.split(size, dim=1):
        memory = memory.add(block)
    return memory


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40, 41, 90, 1000])
@pytest.mark.parametrize("draws", [1, 39, 40, 41, 42, 80, 81, 83, 500])
def test_what_is_held_is_every_so_manyth_draw(draws: int, size: int) -> None:
    z = numbered(draws)
    memory = added(z, size)
    step = 1
    while -(-draws // step) > 40:
        step *= 2
    assert (memory.seen, memory.step) == (draws, step)
    assert memory.held == len(range(0, draws, step)) <= 40
    torch.testing.assert_close(torch.from_numpy(memory.values()), z[:, ::step])


def test_a_memory_is_a_value() -> None:
    z = numbered(100)
    before = added(z[:, :50], 1)
    expected = before.values()
    one, other = before.add(z[:, 50:]), before.add(-z[:, 50:])
    assert (before.values() == expected).all()
    assert (one.values() != other.values()).any()


def test_blocks_are_few_and_own_their_numbers() -> None:
    memory = added(numbered(500), 1)
    assert len(memory.blocks) < 8
    for block in memory.blocks:
        assert block.untyped_storage().nbytes() == block.nbytes


def test_many_chains_and_dimensions_still_hold_some_draws() -> None:
    assert added(numbered(1000, chains=20, dim=30), 10).held <= FEWEST_DRAWS


def test_low_precision_is_kept_and_given_in_float64() -> None:
    memory = Memory().add(torch.ones(2, 3, 4, dtype=torch.float32))
    assert memory.blocks[0].dtype == torch.float32
    assert memory.values().dtype == "float64"


def test_an_effective_size_of_what_is_held_promises_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 1000)
    noise = torch.randn(4, 4000, 1, generator=torch.Generator().manual_seed(2)).double()
    z = torch.zeros_like(noise)
    for t in range(1, 4000):
        z[:, t] = 0.9 * z[:, t - 1] + noise[:, t]
    held = added(z, 50).values()[:, :, 0]
    assert held.shape[1] == 250
    assert array_stats.ess(held, method="bulk") < array_stats.ess(z[..., 0].numpy(), method="bulk")
