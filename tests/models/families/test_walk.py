import torch

from models.families.walk import GaussianRandomWalk


def test_draws_spread_as_the_root_of_time() -> None:
    scale, draws = torch.tensor(2.0, dtype=torch.float64), 20_000
    with torch.random.fork_rng():
        torch.manual_seed(9)
        walks = GaussianRandomWalk(scale, 5).sample((draws,))
    variance = 4.0 * torch.arange(1, 6, dtype=torch.float64)
    ratio = walks.var(0) / variance
    assert (ratio - 1).abs().max().item() < 4.5 * (2 / draws) ** 0.5
