import itertools

import pytest
import torch
from torch import Tensor

from models.enumeration import Enumerated, Factor, sum_out
from models.errors import DefinitionError


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def total(factors: list[Factor]) -> Tensor:
    return torch.stack([f.value.sum() for f in factors]).sum()


N = frozenset({("n", -1)})
NONE: frozenset[tuple[str, int]] = frozenset()


def test_a_mixture_in_a_plate_is_a_logsumexp_per_row() -> None:
    weights, rows = normal(3, 1).log_softmax(0), normal(3, 5, seed=2)
    prior = Factor("z", weights.expand(3, 5), N, frozenset({-2}))
    likelihood = Factor("y", rows, N, frozenset({-2}))

    result = sum_out([prior, likelihood], [Enumerated("z", -2, N)])

    assert [f.name for f in result] == ["y"]
    expected = torch.logsumexp(weights + rows, 0)
    torch.testing.assert_close(result[0].value.reshape(5), expected, rtol=1e-14, atol=1e-14)


def test_a_latent_outside_the_plate_multiplies_over_its_rows_first() -> None:
    weights, rows = normal(3, 1).log_softmax(0), normal(3, 5, seed=2)
    prior = Factor("z", weights, NONE, frozenset({-2}))
    likelihood = Factor("y", rows, N, frozenset({-2}))

    result = sum_out([prior, likelihood], [Enumerated("z", -2, NONE)])

    expected = torch.logsumexp(weights[:, 0] + rows.sum(1), 0)
    torch.testing.assert_close(total(result), expected, rtol=1e-14, atol=1e-14)


def test_nested_latents_equal_brute_force() -> None:
    """w outside, z in a plate of 4, y in the plate given both."""
    w = normal(2, 1)
    z = normal(3, 2, 4, seed=2)
    y = normal(3, 2, 4, seed=3)
    factors = [
        Factor("w", w, NONE, frozenset({-2})),
        Factor("z", z, N, frozenset({-2, -3})),
        Factor("y", y, N, frozenset({-2, -3})),
    ]
    latents = [Enumerated("w", -2, NONE), Enumerated("z", -3, N)]

    result = total(sum_out(factors, latents))

    terms = []
    for i in range(2):
        for values in itertools.product(range(3), repeat=4):
            rows = [z[k, i, n] + y[k, i, n] for n, k in enumerate(values)]
            terms.append(w[i, 0] + torch.stack(rows).sum())
    torch.testing.assert_close(result, torch.logsumexp(torch.stack(terms), 0), rtol=1e-12, atol=0)


def test_a_chain_is_the_forward_algorithm() -> None:
    """A hidden Markov chain of 6 steps and 3 states, each step a latent of its own."""
    steps, states = 6, 3
    initial = normal(states).log_softmax(0)
    move = normal(states, states, seed=2).log_softmax(1)
    emit = normal(steps, states, seed=3)
    factors = [Factor("z0", initial, NONE, frozenset({-1}))]
    latents = [Enumerated(f"z{t}", -1 - t, NONE) for t in range(steps)]
    for t in range(1, steps):
        shape = (states, states, *(1,) * (t - 1))
        pair = move.T.reshape(shape)
        factors.append(Factor(f"z{t}", pair, NONE, frozenset({-t, -1 - t})))
    for t in range(steps):
        value = emit[t].reshape(states, *(1,) * t)
        factors.append(Factor(f"y{t}", value, NONE, frozenset({-1 - t})))

    alpha = initial + emit[0]
    for t in range(1, steps):
        alpha = torch.logsumexp(alpha[:, None] + move, 0) + emit[t]

    result = total(sum_out(factors, latents))
    torch.testing.assert_close(result, torch.logsumexp(alpha, 0), rtol=1e-12, atol=0)


def test_latents_of_crossing_plates_are_refused_by_name() -> None:
    rows, columns = frozenset({("rows", -1)}), frozenset({("columns", -2)})
    factor = Factor("y", normal(2, 2, 4, 5), rows | columns, frozenset({-3, -4}))
    latents = [Enumerated("a", -3, rows), Enumerated("b", -4, columns)]

    with pytest.raises(DefinitionError, match="'a' and 'b' meet in 'y'"):
        sum_out([factor], latents)


def test_gradients_survive_an_impossible_value() -> None:
    weights = torch.tensor([0.0, -torch.inf], dtype=torch.float64)[:, None].expand(2, 3)
    rows = normal(2, 3).requires_grad_()
    factors = [
        Factor("z", weights, N, frozenset({-2})),
        Factor("y", rows, N, frozenset({-2})),
    ]

    total(sum_out(factors, [Enumerated("z", -2, N)])).backward()

    assert rows.grad is not None
    torch.testing.assert_close(rows.grad, torch.tensor([[1.0] * 3, [0.0] * 3]).double())
