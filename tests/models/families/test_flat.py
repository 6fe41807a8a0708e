import pytest
import torch
from pyro.distributions import constraints

from models.families.flat import ImproperUniform


def test_a_flat_prior_adds_nothing_in_the_values_dtype() -> None:
    fn = ImproperUniform(constraints.simplex, (2,), (3,)).expand((4, 2))
    got = fn.log_prob(torch.rand(4, 2, 3, dtype=torch.float64))
    assert torch.equal(got, torch.zeros(4, 2, dtype=torch.float64))
    assert fn.support is constraints.simplex


def test_a_flat_prior_cannot_be_sampled() -> None:
    with pytest.raises(NotImplementedError, match="flat prior"):
        ImproperUniform(constraints.real, (), ()).sample()
