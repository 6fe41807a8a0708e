"""A program by its parameters' values: the same log density, and the chain rule to its own."""

import numpy as np
import pytest
import torch

from models.density import Target
from models.derivatives.basis import Basis
from models.errors import UnavailableError
from models.stan.entries import StanEntries
from tests.models.stan.programs import CASES, built


@pytest.mark.parametrize("name", CASES)
def test_without_constraints_a_program_says_the_same(name: str) -> None:
    case = CASES[name]
    density = built(case.source(), case.data)
    entries, basis = StanEntries(density), Basis(density.parameters)
    z = torch.randn(2, density.dim, generator=torch.Generator().manual_seed(2)).double()
    values = density.constrain(z)
    at = torch.stack([basis.join({p: v[row] for p, v in values.items()}) for row in range(2)])
    value, gradient = entries.value_and_grad(at)
    wanted, slope = density.value_and_grad(z, Target.JOINT)
    torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-9)
    jacobian = density.jacobian(z)
    for row in range(2):
        blocks = [jacobian[p.name][row].reshape(-1, density.dim) for p in density.parameters]
        along = gradient[row] @ torch.cat(blocks)
        torch.testing.assert_close(along, slope[row], rtol=1e-6, atol=1e-7)
    entries.close()
    density.close()


def test_arrays_of_matrices_and_vectors_are_in_their_order() -> None:
    density = built("""
    parameters {
      array[2, 2] matrix[2, 3] a;
      array[2] simplex[3] p;
      array[2] cholesky_factor_cov[2] l;
      array[2, 3] real r;
    }
    model {
      target += a[1, 2][2, 3] + 10 * a[2, 1][1, 2] + 100 * p[1][3] + 1000 * l[2][2, 1];
      target += 1e4 * r[1, 3] + 1e5 * r[2, 1];
    }
    """)
    entries, basis = StanEntries(density), Basis(density.parameters)
    at = basis.join({p.name: torch.zeros(p.shape).double() for p in density.parameters})
    gradient = basis.split(entries.value_and_grad(at[None])[1][0])
    wanted = {p.name: torch.zeros(p.shape).double() for p in density.parameters}
    wanted["a"][0, 1, 1, 2], wanted["a"][1, 0, 0, 1] = 1.0, 10.0
    wanted["p"][0, 2], wanted["l"][1, 1, 0] = 100.0, 1000.0
    wanted["r"][0, 2], wanted["r"][1, 0] = 1e4, 1e5
    assert all((gradient[name] == wanted[name]).all() for name in wanted)


def test_what_a_program_rejects_has_no_numbers() -> None:
    density = built('parameters { real a; } model { if (a > 0) reject("no"); a ~ normal(0, 1); }')
    value, gradient = StanEntries(density).value_and_grad(
        torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
    )
    assert value[0] == -0.5
    assert gradient[0] == 1.0
    assert np.isnan(float(value[1]))
    assert np.isnan(float(gradient[1]))


def test_a_program_without_parameters_has_no_entries() -> None:
    density = built("generated quantities { real x = normal_rng(0, 1); }")
    value, gradient = StanEntries(density).value_and_grad(torch.zeros(2, 0).double())
    assert value.tolist() == [0.0, 0.0]
    assert gradient.shape == (2, 0)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("parameters { real a }", "cannot be read"),
        ("parameters { real a; } model { a ~ normal(3, 1); }", "means something else"),
    ],
)
def test_a_program_that_is_another_without_constraints_is_refused(
    monkeypatch: pytest.MonkeyPatch, other: str, words: str
) -> None:
    density = built("parameters { real<lower=0> a; } model { a ~ normal(0, 1); }")
    monkeypatch.setattr("models.stan.text.StanText.unconstrained", lambda _: other)
    with pytest.raises(UnavailableError, match=words):
        StanEntries(density)
