"""Fisher information in closed form against the variance of the score."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from models.derivatives.forward import jacobian
from models.distributions import make
from models.families import counts
from models.information import information

CPU = torch.device("cpu")
DRAWS = 200_000

CASES = {
    "Normal": {"loc": 0.5, "scale": 2.0},
    "LogNormal": {"loc": 0.2, "scale": 0.5},
    "StudentT": {"df": 5.0, "loc": 1.0, "scale": 0.7},
    "Laplace": {"loc": -1.0, "scale": 0.5},
    "Bernoulli": {"logits": 0.8},
    "Binomial": {"total_count": 7, "logits": -0.4},
    "Poisson": {"rate": 3.5},
    "Geometric": {"logits": -0.3},
    "NegativeBinomial": {"total_count": 3.0, "logits": 0.4},
    "Exponential": {"rate": 1.7},
    "Gamma": {"concentration": 2.5, "rate": 0.8},
    "Beta": {"concentration1": 2.0, "concentration0": 3.5},
    "Weibull": {"scale": 1.5, "concentration": 2.2},
}
#: Arguments that are not differentiated by.
FIXED = {"Binomial": ("total_count",)}


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_variance_of_the_score(name: str) -> None:
    arguments = CASES[name]
    free = [key for key in arguments if key not in FIXED.get(name, ())]
    at = torch.tensor([float(arguments[key]) for key in free], dtype=torch.float64)

    def build(values: Tensor):
        given = {**arguments, **dict(zip(free, values.unbind(), strict=True))}
        return make(name, (), given, dtype=torch.float64, device=CPU)

    torch.manual_seed(11)
    draws = build(at).expand((DRAWS,)).sample()
    scores = jacobian(lambda values: build(values).log_prob(draws), at)  # DRAWS x P
    found = information(build(at), torch.Size(()))
    assert found is not None
    torch.testing.assert_close(found.arguments[0], at)
    products = scores[:, :, None] * scores[:, None, :]
    error = products.std(0) / math.sqrt(DRAWS)
    known = ~found.matrix[0].isnan()
    away = (products.mean(0) - found.matrix[0]).abs()
    assert bool(known.diagonal().any())
    assert bool((away[known] < 5 * error[known] + 1e-12).all())


def test_rows_are_broadcast_and_masked() -> None:
    rate = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    fn = counts.Poisson(rate).mask(torch.tensor([True, False, True]))
    found = information(fn, torch.Size((2, 3)))
    assert found is not None
    assert found.matrix[:, 0, 0].tolist() == [1.0, 0.0, 0.25] * 2
    assert found.arguments[:, 0].tolist() == [1.0, 2.0, 4.0] * 2


def test_events_of_independent_entries_are_observations() -> None:
    fn = dist.Normal(torch.zeros(4).double(), torch.full((4,), 0.5).double()).to_event(1)
    found = information(fn, torch.Size((4,)))
    assert found is not None
    assert found.matrix.shape == (4, 2, 2)
    assert found.matrix[0].tolist() == [[4.0, 0.0], [0.0, 8.0]]


def test_without_a_closed_form_there_is_none() -> None:
    one = torch.ones(()).double()
    assert information(counts.BetaBinomial(one, one, 3 * one), torch.Size(())) is None
    assert information(counts.GammaPoisson(one, one), torch.Size(())) is None
