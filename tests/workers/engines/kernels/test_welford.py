"""Running moments against torch's own."""

import torch

from workers.engines.kernels import welford


def test_moments_agree_with_all_positions_at_once() -> None:
    generator = torch.Generator().manual_seed(2)
    z = 1e6 + torch.randn(30, 4, 3, generator=generator, dtype=torch.float64)
    state = welford.start(4, 3, torch.device("cpu"))
    for row in z:
        state = welford.update(state, row)
    assert state.count == 30
    torch.testing.assert_close(state.mean, z.mean(0))
    torch.testing.assert_close(welford.variance(state), z.var(0), rtol=1e-8, atol=0)


def test_float32_positions_are_summed_in_float64() -> None:
    state = welford.start(1, 1, torch.device("cpu"))
    for value in (1e8, 1e8 + 8, 1e8 + 16):
        state = welford.update(state, torch.tensor([[value]], dtype=torch.float32))
    assert state.squares.dtype == torch.float64
    assert float(welford.variance(state)) == 64.0
