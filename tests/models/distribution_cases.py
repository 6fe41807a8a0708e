"""One case per distribution and parametrisation: arguments, a value, and an independent oracle."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pyro.distributions import constraints
from scipy import special, stats

from models.distributions import make
from models.supports import PLAIN

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """A distribution with arguments as Python numbers and lists, as a definition holds them."""

    name: str
    arguments: dict[str, Any]
    value: Any
    #: Its log density by another library or in closed form, in float64.
    oracle: Callable[[np.ndarray], Any]
    label: str = ""
    #: Arguments that are not real tensors.
    fixed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{'-' + self.label if self.label else ''}"

    def real(self) -> dict[str, Any]:
        return {k: v for k, v in self.arguments.items() if k not in self.fixed}

    def build(self, dtype: torch.dtype, **replaced: Any) -> Any:
        return make(self.name, (), {**self.arguments, **replaced}, dtype=dtype, device=CPU)

    def at(self, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(self.value, dtype=dtype)


def _skewed(x: np.ndarray) -> np.ndarray:
    loc, scale, asymmetry = 0.5, 2.0, 1.5
    z = (x - loc) / scale
    exponent = np.where(z > 0, -z * asymmetry, z / asymmetry)
    return exponent - math.log(scale * (asymmetry + 1 / asymmetry))


def _soft_laplace(x: np.ndarray) -> np.ndarray:
    z = (x - 0.5) / 2.0
    return math.log(2 / math.pi) - math.log(2.0) - np.logaddexp(z, -z)


def _ordered(x: np.ndarray) -> np.ndarray:
    below = special.expit(np.array([-math.inf, -1.0, 0.5, 2.0, math.inf]) - 0.3)
    return np.log(np.diff(below))[x.astype(int)]


def _inflated(gate: float, log_mass: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    def oracle(x: np.ndarray) -> np.ndarray:
        return np.log(gate * (x == 0) + (1 - gate) * np.exp(log_mass(x)))

    return oracle


def _lkj(factor: np.ndarray) -> float:
    """By the C-vine: partial correlations are Beta distributed on (-1, 1), with the Jacobian."""
    n, eta, total = len(factor), 1.5, 0.0
    for i in range(1, n):
        left = 1.0
        for j in range(i):
            z = factor[i, j] / math.sqrt(left)
            b = eta + (n - 2 - j) / 2
            total += stats.beta.logpdf((z + 1) / 2, b, b) - math.log(2) - 0.5 * math.log(left)
            left -= factor[i, j] ** 2
    return total


def _factor() -> list[list[float]]:
    matrix = np.array([[1, 0.3, -0.2], [0.3, 1, 0.5], [-0.2, 0.5, 1]])
    return np.linalg.cholesky(matrix).tolist()


_COV = [[2.0, 0.6], [0.6, 1.0]]
_MEAN = [0.5, -1.0]
_AT = [0.2, 0.4]


def _normal2(x: np.ndarray) -> Any:
    return stats.multivariate_normal(_MEAN, _COV).logpdf(x)


def _walk(x: np.ndarray) -> Any:
    return stats.norm(0, 2).logpdf(np.diff(x, prepend=0.0)).sum()


def _mixture(x: np.ndarray) -> np.ndarray:
    parts = 0.3 * stats.norm.pdf(x, -1, 0.5) + 0.7 * stats.norm.pdf(x, 2, 1.5)
    return np.log(parts)


def _mixture_arguments(dtype: torch.dtype) -> dict[str, Any]:
    return {
        "mixture_distribution": make("Categorical", [(0.3, 0.7)], {}, dtype=dtype, device=CPU),
        "component_distribution": make(
            "Normal", [(-1, 2), (0.5, 1.5)], {}, dtype=dtype, device=CPU
        ),
    }


class MixtureCase(Case):
    """Its arguments are distributions, which are made in the dtype asked for."""

    def build(self, dtype: torch.dtype, **replaced: Any) -> Any:
        return super().build(dtype, **_mixture_arguments(dtype))


_LOC_SCALE = {"loc": 1, "scale": 2}
_P = 0.3
_LOGIT = math.log(_P / (1 - _P))
_W = [0.2, 0.5, 0.3]
_LOG_W = np.log(_W).tolist()

CASES = (
    Case("Normal", _LOC_SCALE, [-3.0, 0.4], stats.norm(1, 2).logpdf),
    Case("LogNormal", _LOC_SCALE, [0.1, 3.0], stats.lognorm(2, 0, math.exp(1)).logpdf),
    Case("StudentT", {"df": 4, **_LOC_SCALE}, [-3.0, 0.4], stats.t(4, 1, 2).logpdf),
    Case("Cauchy", _LOC_SCALE, [-3.0, 0.4], stats.cauchy(1, 2).logpdf),
    Case("HalfNormal", {"scale": 2}, [0.1, 3.0], stats.halfnorm(0, 2).logpdf),
    Case("HalfCauchy", {"scale": 5}, [0.1, 30.0], stats.halfcauchy(0, 5).logpdf),
    Case(
        "HalfStudentT",
        {"df": 3, "scale": 2},
        [0.1, 3.0],
        lambda x: stats.t(3, 0, 2).logpdf(x) + math.log(2),
    ),
    Case("Exponential", {"rate": 3}, [0.1, 3.0], stats.expon(0, 1 / 3).logpdf),
    Case("Gamma", {"concentration": 2, "rate": 3}, [0.1, 3.0], stats.gamma(2, 0, 1 / 3).logpdf),
    Case(
        "InverseGamma",
        {"concentration": 2, "rate": 3},
        [0.3, 3.0],
        stats.invgamma(2, 0, 3).logpdf,
    ),
    Case("Chi2", {"df": 3}, [0.1, 3.0], stats.chi2(3).logpdf),
    Case(
        "Beta",
        {"concentration1": 2, "concentration0": 3},
        [0.1, 0.9],
        stats.beta(2, 3).logpdf,
    ),
    Case("Uniform", {"low": -1, "high": 3}, [-1.0, 0.5, 3.0], stats.uniform(-1, 4).logpdf),
    Case("Laplace", _LOC_SCALE, [-3.0, 0.4], stats.laplace(1, 2).logpdf),
    Case(
        "AsymmetricLaplace",
        {"loc": 0.5, "scale": 2, "asymmetry": 1.5},
        [-3.0, 0.4, 2.0],
        _skewed,
    ),
    Case("SoftLaplace", {"loc": 0.5, "scale": 2}, [-3.0, 0.4], _soft_laplace),
    Case("Logistic", _LOC_SCALE, [-3.0, 0.4], stats.logistic(1, 2).logpdf),
    Case("Gumbel", _LOC_SCALE, [-3.0, 0.4], stats.gumbel_r(1, 2).logpdf),
    Case(
        "Weibull",
        {"scale": 2, "concentration": 3},
        [0.1, 3.0],
        stats.weibull_min(3, 0, 2).logpdf,
    ),
    Case("Pareto", {"scale": 2, "alpha": 3}, [2.5, 9.0], stats.pareto(3, 0, 2).logpdf),
    Case("VonMises", {"loc": 1, "concentration": 3}, [-3.0, 0.4], stats.vonmises(3, 1).logpdf),
    Case(
        "TruncatedNormal",
        {**_LOC_SCALE, "low": -1, "high": 3},
        [-0.9, 2.0],
        stats.truncnorm(-1, 1, 1, 2).logpdf,
    ),
    Case(
        "TruncatedNormal",
        {**_LOC_SCALE, "low": 3},
        [3.5, 9.0],
        stats.truncnorm(1, math.inf, 1, 2).logpdf,
        "low",
    ),
    Case(
        "TruncatedNormal",
        {**_LOC_SCALE, "high": 3},
        [-3.5, 2.0],
        stats.truncnorm(-math.inf, 1, 1, 2).logpdf,
        "high",
    ),
    Case("TruncatedNormal", _LOC_SCALE, [-3.5, 2.0], stats.norm(1, 2).logpdf, "free"),
    Case("Bernoulli", {"probs": _P}, [0.0, 1.0], stats.bernoulli(_P).logpmf, "probs"),
    Case("Bernoulli", {"logits": _LOGIT}, [0.0, 1.0], stats.bernoulli(_P).logpmf, "logits"),
    Case(
        "Binomial",
        {"total_count": 7, "probs": _P},
        [0.0, 3.0, 7.0],
        stats.binom(7, _P).logpmf,
        "probs",
        ("total_count",),
    ),
    Case(
        "Binomial",
        {"total_count": 7, "logits": _LOGIT},
        [0.0, 3.0, 7.0],
        stats.binom(7, _P).logpmf,
        "logits",
        ("total_count",),
    ),
    Case(
        "BetaBinomial",
        {"concentration1": 2, "concentration0": 3, "total_count": 7},
        [0.0, 3.0, 7.0],
        stats.betabinom(7, 2, 3).logpmf,
        fixed=("total_count",),
    ),
    Case("Poisson", {"rate": 3}, [0.0, 5.0], stats.poisson(3).logpmf),
    Case(
        "NegativeBinomial",
        {"total_count": 4, "probs": _P},
        [0.0, 5.0],
        stats.nbinom(4, 1 - _P).logpmf,
        "probs",
    ),
    Case(
        "NegativeBinomial",
        {"total_count": 4, "logits": _LOGIT},
        [0.0, 5.0],
        stats.nbinom(4, 1 - _P).logpmf,
        "logits",
    ),
    Case(
        "GammaPoisson",
        {"concentration": 4, "rate": 2},
        [0.0, 5.0],
        stats.nbinom(4, 2 / 3).logpmf,
    ),
    Case("Geometric", {"probs": _P}, [0.0, 5.0], stats.geom(_P, -1).logpmf, "probs"),
    Case("Geometric", {"logits": _LOGIT}, [0.0, 5.0], stats.geom(_P, -1).logpmf, "logits"),
    Case("Categorical", {"probs": _W}, [0.0, 2.0], lambda x: np.log(_W)[x.astype(int)], "probs"),
    Case(
        "Categorical", {"logits": _LOG_W}, [0.0, 2.0], lambda x: np.log(_W)[x.astype(int)], "logits"
    ),
    Case(
        "OrderedLogistic",
        {"predictor": 0.3, "cutpoints": [-1, 0.5, 2]},
        [0.0, 1.0, 3.0],
        _ordered,
    ),
    Case(
        "Multinomial",
        {"total_count": 6, "probs": _W},
        [1.0, 3.0, 2.0],
        stats.multinomial(6, _W).logpmf,
        "probs",
        ("total_count",),
    ),
    Case(
        "Multinomial",
        {"total_count": 6, "logits": _LOG_W},
        [1.0, 3.0, 2.0],
        stats.multinomial(6, _W).logpmf,
        "logits",
        ("total_count",),
    ),
    Case(
        "DirichletMultinomial",
        {"concentration": [1, 2, 3], "total_count": 6},
        [1.0, 3.0, 2.0],
        lambda x: stats.dirichlet_multinomial([1, 2, 3], 6).logpmf(x.astype(int)),
        fixed=("total_count",),
    ),
    Case(
        "ZeroInflatedPoisson",
        {"rate": 3, "gate": _P},
        [0.0, 5.0],
        _inflated(_P, stats.poisson(3).logpmf),
        "gate",
    ),
    Case(
        "ZeroInflatedPoisson",
        {"rate": 3, "gate_logits": _LOGIT},
        [0.0, 5.0],
        _inflated(_P, stats.poisson(3).logpmf),
        "gate_logits",
    ),
    Case(
        "ZeroInflatedNegativeBinomial",
        {"total_count": 4, "probs": 0.4, "gate": _P},
        [0.0, 5.0],
        _inflated(_P, stats.nbinom(4, 0.6).logpmf),
        "gate",
    ),
    Case(
        "ZeroInflatedNegativeBinomial",
        {"total_count": 4, "logits": _LOGIT, "gate_logits": _LOGIT},
        [0.0, 5.0],
        _inflated(_P, stats.nbinom(4, 1 - _P).logpmf),
        "gate_logits",
    ),
    Case(
        "Dirichlet",
        {"concentration": [1, 2, 3]},
        [0.25, 0.25, 0.5],
        stats.dirichlet([1, 2, 3]).logpdf,
    ),
    Case(
        "MultivariateNormal",
        {"loc": _MEAN, "covariance_matrix": _COV},
        _AT,
        _normal2,
        "covariance",
    ),
    Case(
        "MultivariateNormal",
        {"loc": _MEAN, "precision_matrix": np.linalg.inv(_COV).tolist()},
        _AT,
        _normal2,
        "precision",
    ),
    Case(
        "MultivariateNormal",
        {"loc": _MEAN, "scale_tril": np.linalg.cholesky(_COV).tolist()},
        _AT,
        _normal2,
        "scale_tril",
    ),
    Case(
        "MultivariateStudentT",
        {"df": 5, "loc": _MEAN, "scale_tril": np.linalg.cholesky(_COV).tolist()},
        _AT,
        stats.multivariate_t(_MEAN, _COV, 5).logpdf,
    ),
    Case("LKJCholesky", {"dim": 3, "concentration": 1.5}, _factor(), _lkj, fixed=("dim",)),
    Case(
        "GaussianRandomWalk",
        {"scale": 2, "num_steps": 4},
        [0.5, 1.0, -2.0, 0.0],
        _walk,
        fixed=("num_steps",),
    ),
    MixtureCase(
        "MixtureSameFamily",
        {},
        [-1.0, 0.4],
        _mixture,
    ),
    Case(
        "ImproperUniform",
        {"support": constraints.positive, "batch_shape": (), "event_shape": (2,)},
        [1.0, 2.0],
        lambda x: 0.0,
        fixed=("support", "batch_shape", "event_shape"),
    ),
    Case("Delta", {"v": 2, "log_density": 0.5}, [2.0], lambda x: 0.5 + 0 * x, fixed=("v",)),
)

#: Supports with the shape of a value, bounds as numbers.
SUPPORTS = {
    **{name: PLAIN[name] for name in PLAIN},
    "interval(-1, 3)": constraints.interval(-1.0, 3.0),
    "greater_than(2)": constraints.greater_than(2.0),
    "less_than(2)": constraints.less_than(2.0),
}
