"""Small Stan programs, one for each type that a parameter may have, with what they mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from models.data import load_data
from models.precision import precision
from models.stan.compile import compile_stan
from models.stan.density import StanDensity

Array = np.ndarray[Any, Any]
Values = Mapping[str, Array]


def built(source: str, data: Mapping[str, Any] | None = None, **options: Any) -> StanDensity:
    """Return the density of a program."""
    return compile_stan(
        source, load_data(dict(data or {}), empty=True), precision("float64"), **options
    )


def everything(value: Array) -> Array:
    """Every entry is free."""
    return value.reshape(-1)


def all_but_last(value: Array) -> Array:
    """The last entry of the last dimension follows from the others."""
    return value[..., :-1].reshape(-1)


def lower(value: Array) -> Array:
    """The lower triangle is free, its diagonal included."""
    return value[np.tril_indices(*value.shape[:1], m=value.shape[1])]


def strictly_lower(value: Array) -> Array:
    """The lower triangle is free, without its diagonal."""
    return value[np.tril_indices(len(value), -1)]


@dataclass(frozen=True)
class Case:
    """A program whose one parameter, or the last of them, is `x`."""

    parameters: str
    model: str
    #: The log density of the constrained values, up to a constant.
    log_density: Callable[[Values], float]
    support: str
    #: The entries of `x` that its density is of.
    free: Callable[[Array], Array] = everything
    declared: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def source(self) -> str:
        return (
            f"data {{ {self.declared} }}\nparameters {{ {self.parameters} }}\n"
            f"model {{ {self.model} }}\n"
        )


def _normal(values: Values) -> float:
    return float(stats.norm.logpdf(values["x"], 1.0, 2.0).sum())


def _lkj_cholesky(values: Values) -> float:
    # Lewandowski, Kurowicka and Joe (2009) with shape 2, of the factor.
    size = len(values["x"])
    powers = size - np.arange(1, size + 1) + 2 * (2.0 - 1)
    return float((powers[1:] * np.log(np.diag(values["x"])[1:])).sum())


_NORMAL = "x ~ normal(1, 2);"
_FLAT = "target += -0.5 * sum(square(to_vector(x)));"


def _flat(values: Values) -> float:
    return float(-0.5 * np.square(values["x"]).sum())


CASES = {
    "real": Case("real x;", _NORMAL, _normal, "real"),
    "lower": Case("real<lower=0> x;", _NORMAL, _normal, "positive"),
    "upper": Case(
        "real<upper=U> x;", _NORMAL, _normal, "less_than(U)", declared="real U;", data={"U": 3.5}
    ),
    "interval of data": Case(
        "vector<lower=min(b), upper=max(b)>[2] x;",
        _NORMAL,
        _normal,
        "interval(min(b), max(b))",
        declared="vector[3] b;",
        data={"b": [0.5, -1.0, 2.0]},
    ),
    "bound of a parameter": Case(
        "real a; real<lower=a> x;",
        "a ~ normal(0, 1); x ~ normal(1, 2);",
        lambda v: _normal(v) + float(stats.norm.logpdf(v["a"])),
        "greater_than(a)",
    ),
    "offset and multiplier": Case(
        "vector<offset=m, multiplier=s>[2] x;", _NORMAL, _normal, "real",
        declared="real m; real<lower=0> s;", data={"m": -3.0, "s": 4.0},
    ),
    "vector": Case("vector[3] x;", _NORMAL, _normal, "real"),
    "row vector": Case("row_vector<upper=0>[2] x;", _NORMAL, _normal, "less_than(0)"),
    "matrix": Case(
        "matrix<lower=0, upper=1>[2, 3] x;", "to_vector(x) ~ normal(1, 2);", _normal,
        "unit_interval",
    ),
    "array of vectors": Case(
        "array[2, 3] vector<lower=0>[2] x;",
        "for (i in 1:2) for (j in 1:3) x[i, j] ~ normal(1, 2);",
        _normal,
        "positive",
    ),
    "simplex": Case(
        "simplex[3] x;",
        "x ~ dirichlet([2, 3, 4]');",
        lambda v: float(stats.dirichlet.logpdf(v["x"] / v["x"].sum(), [2.0, 3.0, 4.0])),
        "simplex",
        all_but_last,
    ),
    "array of simplexes": Case(
        "array[2] simplex[2] x;",
        "for (i in 1:2) x[i] ~ dirichlet([2, 3]');",
        lambda v: float(sum(stats.beta.logpdf(row[0], 2.0, 3.0) for row in v["x"])),
        "simplex",
        all_but_last,
    ),
    "ordered": Case("ordered[3] x;", _NORMAL, _normal, "ordered_vector"),
    "positive ordered": Case("positive_ordered[3] x;", _NORMAL, _normal, "positive_ordered_vector"),
    "sum to zero": Case("sum_to_zero_vector[4] x;", _NORMAL, _normal, "zero_sum", all_but_last),
    "correlation factor": Case(
        "cholesky_factor_corr[3] x;", "x ~ lkj_corr_cholesky(2);", _lkj_cholesky, "corr_cholesky",
        strictly_lower,
    ),
    "covariance factor": Case("cholesky_factor_cov[3] x;", _FLAT, _flat, "lower_cholesky", lower),
    "tall covariance factor": Case(
        "cholesky_factor_cov[3, 2] x;", _FLAT, _flat, "lower_cholesky", lower
    ),
    "covariance": Case(
        "cov_matrix[2] x;",
        "x ~ wishart(4, [[2, 0.5], [0.5, 1]]);",
        lambda v: float(stats.wishart.logpdf((v["x"] + v["x"].T) / 2, 4, [[2, 0.5], [0.5, 1]])),
        "positive_definite",
        lower,
    ),
    "correlation": Case(
        "corr_matrix[3] x;",
        "x ~ lkj_corr(2);",
        lambda v: float(np.linalg.slogdet(v["x"])[1]),
        "corr_matrix",
        strictly_lower,
    ),
}  # fmt: skip
