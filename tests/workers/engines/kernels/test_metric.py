"""The pooled diagonal metric, and what a bad chain can do to it."""

import torch

from workers.engines.kernels import metric, welford
from workers.engines.kernels.welford import Welford

CPU = torch.device("cpu")


def moments(z: torch.Tensor) -> Welford:
    """Moments of `N x C x D` positions."""
    state = welford.start(z.shape[1], z.shape[2], CPU)
    for row in z:
        state = welford.update(state, row)
    return state


def positions(chains: int = 4, count: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    unit = torch.randn(count, chains, 3, generator=generator, dtype=torch.float64)
    return unit * torch.tensor([0.1, 1.0, 50.0], dtype=torch.float64)


def test_one_chain_has_stans_regularised_variance() -> None:
    z = positions(chains=1)
    scale = metric.learn(moments(z), metric.unit(1, 3, torch.float64, CPU))
    expected = (200 * z[:, 0].var(0) + 5e-3) / 205
    torch.testing.assert_close(scale[0], expected.sqrt())


def test_every_chain_gets_the_same_scale() -> None:
    scale = metric.learn(moments(positions()), metric.unit(4, 3, torch.float64, CPU))
    assert bool((scale == scale[0]).all())
    torch.testing.assert_close(
        scale[0], torch.tensor([0.1, 1.0, 50.0], dtype=torch.float64), rtol=0.1, atol=0
    )


def test_a_stuck_and_a_lost_chain_do_not_spoil_it() -> None:
    clean = metric.learn(moments(positions()), metric.unit(4, 3, torch.float64, CPU))[0]
    z = positions()
    z[:, 0] = 1e4  # never moves, far away
    spoilt = metric.learn(moments(z), metric.unit(4, 3, torch.float64, CPU))[0]
    torch.testing.assert_close(spoilt, clean, rtol=0.15, atol=0)
    z = positions()
    z[:, 3] *= 1e5
    spoilt = metric.learn(moments(z), metric.unit(4, 3, torch.float64, CPU))[0]
    torch.testing.assert_close(spoilt, clean, rtol=0.15, atol=0)


def test_a_variance_that_is_not_finite_keeps_the_scale_before() -> None:
    z = positions()
    z[:, :, 1] = torch.inf
    before = torch.full((4, 3), 7.0, dtype=torch.float64)
    scale = metric.learn(moments(z), before)
    assert scale[0, 1] == 7.0
    assert scale[0, 0] < 1.0


def test_the_run_s_dtype_is_kept() -> None:
    before = metric.unit(4, 3, torch.float32, CPU)
    assert metric.learn(moments(positions()), before).dtype == torch.float32
