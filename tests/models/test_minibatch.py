"""A few rows taken for all are right on average: the log density and its gradient."""

import numpy as np
import pytest
import torch

from models.density import Target
from models.minibatch import SHUFFLED, MinibatchModel
from models.rows import find_rows
from tests.models.test_rows import REGRESSION, compiled

B = 200
SOURCE = np.random.default_rng(1)
X = SOURCE.normal(size=(B, 2))
Y = X @ [1.0, -0.5] + SOURCE.normal(size=B)
Z = torch.tensor([[0.3, -0.8], [1.0, 0.5]], dtype=torch.float64)


def model(rows: int = B) -> MinibatchModel:
    density = compiled(REGRESSION, X=X[:rows], y=Y[:rows], scale=1.0, count=rows)
    return MinibatchModel(density, find_rows(density))


@pytest.mark.parametrize("target", [Target.LIKELIHOOD, Target.POSTERIOR])
def test_all_rows_in_any_order_give_the_whole_log_density(target: Target) -> None:
    own = model()
    rows = torch.randperm(B, generator=torch.Generator().manual_seed(0))
    value, gradient = own.estimate(Z, rows, target)
    exact, slope = own.density.value_and_grad(Z, target)
    torch.testing.assert_close(value, exact, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, slope, rtol=1e-10, atol=1e-10)


def test_the_likelihood_is_scaled_and_the_prior_is_not() -> None:
    own = model()
    rows = torch.arange(10)
    likelihood, _ = own.estimate(Z, rows, Target.LIKELIHOOD)
    joint, _ = own.estimate(Z, rows, Target.JOINT)
    bound = own.bound(rows).value(Z, Target.LIKELIHOOD)
    torch.testing.assert_close(likelihood, B / 10 * bound, rtol=1e-12, atol=0)
    prior = own.density.terms(Z).log_prior
    torch.testing.assert_close(joint - likelihood, prior, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [20, B // SHUFFLED - 4])
def test_estimates_are_unbiased(size: int) -> None:
    own = model()
    generator = torch.Generator().manual_seed(2)
    draws = [own.estimate(Z, own.sample(generator, size)) for _ in range(400)]
    for estimates, exact in zip(
        zip(*draws, strict=True), own.density.value_and_grad(Z), strict=True
    ):
        stacked = torch.stack(estimates)
        error = stacked.std(0) / 400**0.5
        assert bool(((stacked.mean(0) - exact).abs() < 4 * error).all())


def test_few_rows_of_many_are_drawn_evenly_and_by_the_seed() -> None:
    own = model()
    size = B // SHUFFLED - 4
    assert size * SHUFFLED < B
    counts = torch.zeros(B)
    generator = torch.Generator().manual_seed(3)
    for _ in range(4000):
        counts += torch.bincount(own.sample(generator, size), minlength=B)
    mean = 4000 * size / B
    # Binomial; the largest of 200 normal numbers is below 4.5 but for one seed in a thousand.
    assert bool(((counts - mean).abs() < 4.5 * mean**0.5).all())
    again = torch.Generator().manual_seed(3)
    once = own.sample(torch.Generator().manual_seed(3), size)
    assert torch.equal(own.sample(again, size), once)


def test_a_sample_of_many_has_no_row_twice() -> None:
    drawn = model().sample(torch.Generator().manual_seed(0), 50)
    assert len(set(drawn.tolist())) == 50


def test_blocks_hold_every_row_once() -> None:
    blocks = list(model().blocks(64))
    assert [len(b) for b in blocks] == [64, 64, 64, 8]
    assert torch.cat(blocks).tolist() == list(range(B))
