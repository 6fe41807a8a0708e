from typing import Any

import pytest
import torch
from torch.func import grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from models.distributions import make
from models.errors import DefinitionError
from tests.models.distribution_cases import CPU


def test_a_mixture_has_gradients_in_its_weights_and_components() -> None:
    def log_prob(w: torch.Tensor, loc: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        mixing = make("Categorical", (), {"logits": w}, dtype=torch.float64, device=CPU)
        parts = make("Normal", (loc, 1), {}, dtype=torch.float64, device=CPU)
        fn = make("MixtureSameFamily", (mixing, parts), {}, dtype=torch.float64, device=CPU)
        return fn.expand((2,)).log_prob(x).sum()

    generator = torch.Generator().manual_seed(2)
    w, loc = torch.randn((2, 5, 3), dtype=torch.float64, generator=generator)
    x = torch.randn((5, 2), dtype=torch.float64, generator=generator)
    batched = vmap(grad(log_prob, argnums=(0, 1, 2)))
    for got in (batched(w, loc, x), make_fx(batched)(w, loc, x)(w, loc, x)):
        for i in range(5):
            expected = grad(log_prob, argnums=(0, 1, 2))(w[i], loc[i], x[i])
            torch.testing.assert_close(tuple(g[i] for g in got), expected)


@pytest.mark.parametrize(
    ("mixing", "parts", "message"),
    [
        (("Normal", 0, 1), ("Normal", (0, 1), 1), "must be a Categorical"),
        (("Categorical", (0.5, 0.5)), ("Normal", 0, 1), "2 weights, .* a single distribution"),
        (("Categorical", (0.5, 0.5)), ("Normal", (0, 1, 2), 1), "2 weights, .* 3 components"),
    ],
)
def test_mixtures_that_do_not_fit(mixing: Any, parts: Any, message: str) -> None:
    both = [make(n, args, {}, dtype=torch.float64, device=CPU) for n, *args in (mixing, parts)]
    with pytest.raises(DefinitionError, match=message):
        make("MixtureSameFamily", both, {}, dtype=torch.float64, device=CPU)


def test_a_matrix_that_is_not_positive_definite_gives_nan_and_no_exception() -> None:
    fn = make(
        "MultivariateNormal",
        [(0, 0), ((1, 2), (2, 1))],
        {},
        dtype=torch.float64,
        device=CPU,
    )
    assert fn.log_prob(torch.zeros(2, dtype=torch.float64)).isnan()


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("Bernoulli", {}),
        ("Geometric", {}),
        ("Binomial", {"total_count": 5}),
        ("NegativeBinomial", {"total_count": 5}),
    ],
)
def test_probs_and_logits_say_the_same(name: str, others: dict[str, Any]) -> None:
    probs = torch.tensor([0.02, 0.5, 0.97], dtype=torch.float64)
    value = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    both = [
        make(name, (), {**others, **given}, dtype=torch.float64, device=CPU).log_prob(value)
        for given in ({"probs": probs}, {"logits": probs.logit()})
    ]
    torch.testing.assert_close(both[0], both[1], rtol=1e-12, atol=1e-12)
