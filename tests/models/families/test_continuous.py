import math

import torch

from models.families.continuous import Pareto, Uniform, VonMises


def real(value: object) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_both_ends_of_a_uniform_belong_to_it() -> None:
    got = Uniform(real(-1.0), real(3.0)).log_prob(real([-1.1, -1.0, 3.0, 3.1]))
    torch.testing.assert_close(got, real([-math.inf, -math.log(4), -math.log(4), -math.inf]))


def test_a_pareto_begins_at_its_scale() -> None:
    got = Pareto(real(2.0), real(3.0)).log_prob(real([1.9, 2.0]))
    torch.testing.assert_close(got, real([-math.inf, math.log(1.5)]))


def test_a_concentrated_von_mises_does_not_overflow() -> None:
    """At concentration k it is near Normal(0, 1 / sqrt(k)): its peak is sqrt(k / 2 pi)."""
    peak = VonMises(real(0.0), real(1e6)).log_prob(real(0.0))
    torch.testing.assert_close(peak, real(0.5 * math.log(1e6 / (2 * math.pi))), atol=1e-6, rtol=0)
