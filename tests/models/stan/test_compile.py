"""Programs and data as strangers send them: each that cannot be used says why and where."""

import itertools
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from models.density import Target
from models.errors import DataError, DefinitionError, ModelError, TooLargeError, UnavailableError
from tests.models.stan.programs import built

NORMAL = "parameters { real a; } model { a ~ normal(0, 1); }"
Y = "data { int<lower=1> N; vector[N] y; } parameters { real a; } model { %s }"


def model(body: str) -> str:
    return f"parameters {{\n  real a;\n}}\nmodel {{\n  {body}\n}}\n"


#: Name -> program, data, kind of error, its path, and words of its message.
BAD: dict[str, tuple[str, Mapping[str, Any], type[ModelError], str, str]] = {
    "a misspelt distribution": (
        model("a ~ nrmal(0, 1);"), {}, DefinitionError, "line 5, column 7", "nrmal",
    ),
    "an unknown name": (
        model("a ~ normal(0, b);"), {}, DefinitionError, "line 5, column 17", 'Identifier "b"',
    ),
    "a semicolon is missing": (
        "data { int N }\nmodel {}", {}, DefinitionError, "line 1, column 14", "syntax error",
    ),
    "the wrong type": (
        model("int i = a;"), {}, DefinitionError, "line 5, column 3", "int",
    ),
    "another language": ("def model(y):\n    pass\n", {}, DefinitionError, "line 1, column 1", ""),
    "a file": (
        "\n  #include /etc/passwd\nmodel {}", {}, DefinitionError, "line 2, column 3", "#include",
    ),
    "a NUL": (model("a ~ normal(0, 1);\0"), {}, DefinitionError, "line 5, column 20", "remove"),
    "half a letter": (model("// \ud800"), {}, DefinitionError, "line 5, column 6", "remove"),
    "a megabyte": (
        "//" + "x" * 1_000_000 + "\n" + NORMAL, {}, DefinitionError, "model.source", "limit",
    ),
    "data that are missing": (
        Y % "y ~ normal(a, 1);", {"N": 3}, DataError, "data.y", "declares 'y', which is missing",
    ),
    "data of another shape": (
        Y % "y ~ normal(a, 1);", {"N": 3, "y": [1, 2]}, DataError, "data.y", "dims",
    ),
    "data that are no integers": (
        Y % "y ~ normal(a, 1);", {"N": 2.5, "y": [1, 2]}, DataError, "data.N", "int",
    ),
    "data beyond an integer": (
        Y % "y ~ normal(a, 1);", {"N": 2**40, "y": [1, 2]}, DataError, "data.N", "int",
    ),
    "data outside their bounds": (
        Y % "y ~ normal(a, 1);", {"N": 0, "y": []}, DataError, "data.N", "greater than or equal",
    ),
    "an index out of range": (
        Y % "y[N + 1] ~ normal(a, 1);", {"N": 2, "y": [1, 2]},
        DefinitionError, "model.source", "out of bounds",
    ),
    "an index that is computed": (
        Y % "int i = 1; while (i < 9) i += 1; target += y[i] * a;", {"N": 2, "y": [1, 2]},
        DefinitionError, "model.source", "index",
    ),
    "recursion without end": (
        "functions { real f(real x); real f(real x) { return f(x + 1) + 1; } }\n"
        + model("target += f(a);"), {}, DefinitionError, "model.source", "recursion",
    ),
    "a division by zero": (
        "data { int N; }\n" + model("int i = 1 %/% N; a ~ normal(i, 1);"), {"N": 0},
        DefinitionError, "model.source", "zero",
    ),
    "a terabyte": (
        "data { int N; }\n" + model("vector[N] v = rep_vector(a, N); target += sum(v);"),
        {"N": 2_000_000_000}, TooLargeError, "model", "GiB",
    ),
    "a complex parameter": (
        "parameters { complex z; } model { get_real(z) ~ normal(0, 1); }", {},
        UnavailableError, "model.source", "not available",
    ),
    "a tuple that is generated": (
        NORMAL + " generated quantities { tuple(real, real) t = (a, a); }", {},
        UnavailableError, "model.source", "'t'",
    ),
    "a column's name": (
        "parameters { real chain; } model { chain ~ normal(0, 1); }", {},
        DefinitionError, "model.source", "'chain'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_program_that_cannot_be_used_says_why_and_where(name: str) -> None:
    source, data, kind, path, words = BAD[name]
    with pytest.raises(ModelError) as caught:
        built(source, data)
    assert (type(caught.value), caught.value.path) == (kind, path), caught.value
    assert words in caught.value.message
    assert len(caught.value.message) < 600
    assert "\n" not in caught.value.message


def test_what_takes_too_long_is_ended() -> None:
    began = time.perf_counter()
    with pytest.raises(TooLargeError, match=r"longer than 0\.5 s"):
        built(model("real x = a; while (x == x) x += 1; target += x;"), seconds=0.5)
    source = "transformed data { int n = 1; while (n > 0) { n += 1; n -= 1; } }\n" + NORMAL
    with pytest.raises(TooLargeError, match=r"longer than 0\.5 s"):
        built(source, seconds=0.5)
    assert time.perf_counter() - began < 60


def test_surplus_data_are_ignored() -> None:
    density = built(NORMAL, {"y": [1, 2], "model": 3.0})
    assert density.data_names == ()
    assert density.dim == 1


def test_arrays_may_be_empty() -> None:
    source = """
    data { int K; matrix[2, K] x; array[K] int i; }
    parameters { real a; vector[K] b; }
    model { a ~ normal(0, 1); b ~ normal(0, 1); }
    """
    density = built(source, {"K": 0, "x": [[], []], "i": []})
    assert [p.name for p in density.parameters] == ["a"]


def test_ten_thousand_lines_are_a_program() -> None:
    lines = "".join(f"  target += -1e-4 * square(a - {i % 7});\n" for i in range(10_000))
    density = built(model(lines))
    a = torch.tensor([[0.5], [1.5]], dtype=torch.float64)
    counts = np.bincount(np.arange(10_000) % 7)
    wanted = [-1e-4 * float((counts * np.square(x - np.arange(7))).sum()) for x in (0.5, 1.5)]
    np.testing.assert_allclose(density.value(a).numpy(), wanted, rtol=1e-10)


def test_a_program_without_parameters_generates() -> None:
    density = built("generated quantities { real x = normal_rng(3, 2); int k = poisson_rng(4); }")
    assert (density.dim, density.parameters) == (0, ())
    values = density.constrain(torch.empty(500, 0, dtype=torch.float64))
    assert abs(float(values["x"].mean()) - 3) < 4 * 2 / 500**0.5
    assert abs(float(values["k"].mean()) - 4) < 4 * 2 / 500**0.5


def test_functions_of_the_users_mean_what_they_say() -> None:
    source = """
    functions {
      real twice(real x) { return 2 * x; }
      real mine_lpdf(vector y, real m) { return -0.5 * dot_self(y - twice(m)); }
    }
    data { int N; vector[N] y; }
    parameters { real a; }
    model { y ~ mine(a); }
    """
    y = np.array([1.0, 2.0, 4.0])
    value = built(source, {"N": 3, "y": y.tolist()}).value(
        torch.tensor([[0.3]], dtype=torch.float64)
    )
    assert float(value) == pytest.approx(-0.5 * np.square(y - 0.6).sum(), rel=1e-12)


def test_an_ode_is_solved() -> None:
    # dx/dt = -k x has the solution exp(-k t).
    source = """
    functions { vector decay(real t, vector x, real k) { return -k * x; } }
    data { int T; array[T] real t; vector[T] y; }
    parameters { real<lower=0> k; }
    model {
      array[T] vector[1] x = ode_rk45_tol(decay, [1.0]', 0.0, t, 1e-10, 1e-12, 100000, k);
      for (i in 1:T) y[i] ~ normal(x[i][1], 0.1);
    }
    """
    t, y = np.array([0.5, 1.0, 2.0]), np.array([0.7, 0.4, 0.1])
    density = built(source, {"T": 3, "t": t.tolist(), "y": y.tolist()})
    z = torch.tensor([[-0.4], [0.2]], dtype=torch.float64)
    value, gradient = density.value_and_grad(z, Target.JOINT)
    k = z.exp().numpy()
    solved = np.exp(-k * t)
    wanted = stats.norm.logpdf(y, solved, 0.1).sum(1)
    assert float(value[1] - value[0]) == pytest.approx(wanted[1] - wanted[0], rel=1e-6)
    slopes = ((y - solved) / 0.01 * -t * solved * k).sum(1)
    np.testing.assert_allclose(gradient[:, 0].numpy(), slopes, rtol=1e-5)


def test_a_hidden_markov_model_is_summed_by_the_forward_algorithm() -> None:
    source = """
    data { int T; vector[T] y; }
    parameters { real<lower=0, upper=1> p; ordered[2] mu; }
    model {
      matrix[2, 2] step = log([[p, 1 - p], [1 - p, p]]);
      vector[2] forward = rep_vector(0, 2);
      for (t in 1:T) {
        vector[2] next;
        for (k in 1:2) {
          next[k] = normal_lpdf(y[t] | mu[k], 1);
          next[k] += t == 1 ? log(0.5) : log_sum_exp(forward + step[:, k]);
        }
        forward = next;
      }
      target += log_sum_exp(forward);
    }
    """
    y = np.array([-1.0, 0.4, 2.0, 1.5])
    density = built(source, {"T": 4, "y": y.tolist()})
    z = torch.tensor([[0.3, -0.5, 0.2], [-0.6, 0.1, 0.9]], dtype=torch.float64)
    values = density.constrain(z)
    wanted = []
    for p, mu in zip(values["p"].tolist(), values["mu"].numpy(), strict=True):
        step = np.array([[p, 1 - p], [1 - p, p]])
        # Every path, one by one.
        total = 0.0
        for path in np.ndindex(2, 2, 2, 2):
            chance = 0.5 * np.prod([step[a, b] for a, b in itertools.pairwise(path)])
            total += chance * np.prod(stats.norm.pdf(y, mu[list(path)], 1.0))
        wanted.append(np.log(total))
    found = density.value(z, Target.JOINT)
    assert float(found[1] - found[0]) == pytest.approx(wanted[1] - wanted[0], rel=1e-10)
