import math

import pytest
import torch

from models.families.counts import Bernoulli, Binomial, Geometric, NegativeBinomial, ZeroInflated
from models.families.family import AbstractFamily


def real(value: object) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_extreme_logits_keep_the_log_mass() -> None:
    got = Bernoulli(real([800.0, -800.0])).log_prob(real([0.0, 1.0]))
    torch.testing.assert_close(got, real([-800.0, -800.0]))
    got = Binomial(real(10.0), real(-800.0)).log_prob(real([0.0, 10.0]))
    torch.testing.assert_close(got, real([0.0, -8000.0]))


@pytest.mark.parametrize(
    "fn",
    [
        Geometric(real(0.3)),
        NegativeBinomial(real(2.5), real(-0.4)),
        ZeroInflated(Geometric(real(0.3)), real(-1.0)),
    ],
)
def test_the_mass_sums_to_one(fn: AbstractFamily) -> None:
    counts = torch.arange(400, dtype=torch.float64)
    assert math.isclose(fn.log_prob(counts).exp().sum().item(), 1.0, rel_tol=1e-12)


def test_a_zero_inflated_count_expands_with_its_base() -> None:
    fn = ZeroInflated(Geometric(real([0.3, 0.4])), real(-1.0)).expand((3, 2))
    assert fn.batch_shape == (3, 2)
    assert fn.sample().shape == (3, 2)
