"""Models as they are posted, with known answers, on either tier: what engines are tested on."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats

from models.cache import Cache
from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.precision import PrecisionName
from models.toolchain import default_cache, find_compiler
from models.traced import TracedDensity

TIERS = ("interpreted", "compiled")
#: Recorded graphs and compiled programs, shared by all tests of a session.
KEPT = Cache()
Array = np.ndarray[Any, Any]
#: Quantities of draws by name, `C x N x K`, each with what it is on average.
Averages = Mapping[str, tuple[Array, Any]]


def posted(
    source: str,
    data: Mapping[str, Any],
    tier: str = "interpreted",
    precision_name: PrecisionName = "float64",
) -> TracedDensity:
    """Return the density of a program's text; a compiled one needs a compiler."""
    definition = parse_definition({"language": "pyro", "source": source})
    density = compile_model(
        definition,
        load_data(dict(data)),
        precision_name=precision_name,
        cache=KEPT,
        discrete=True,
    )
    if tier == "compiled":
        if find_compiler() is None:
            pytest.skip("no C++ compiler")
        density.compile(default_cache())
        assert density.handle is not None
    return density


def z_scores(averages: Averages) -> dict[str, float]:
    """Return the worst distance of an average from what it should be, in Monte Carlo errors."""
    worst = {}
    for name, (values, expected) in averages.items():
        entries = values.reshape(*values.shape[:2], -1)  # C x N x K
        errors = [array_stats.mcse(entries[..., k], method="mean") for k in range(entries.shape[2])]
        away = abs(entries.mean((0, 1)) - np.reshape(expected, -1)) / np.array(errors)
        worst[name] = float(away.max())
    return worst


class Known:
    """A model whose posterior is known."""

    source: str
    data: Mapping[str, Any]

    def averages(self, draws: Any) -> Averages:
        """Return quantities of the draws with their posterior means."""
        raise NotImplementedError


class Gaussian(Known):
    """Five dimensions, standard deviations from 1 to 100, correlations of a half."""

    source = """
def model(loc, root):
    x = pyro.sample("x", dist.MultivariateNormal(loc, scale_tril=root))
    pyro.sample("y", dist.Normal(x[0], 1e6), obs=torch.tensor(0.0))
"""

    def __init__(self) -> None:
        sd = np.logspace(0, 2, 5)
        self.loc, self.covariance = np.arange(5.0), np.outer(sd, sd) * (0.5 + 0.5 * np.eye(5))
        self.root = np.linalg.cholesky(self.covariance)
        self.data = {"loc": self.loc.tolist(), "root": self.root.tolist()}

    def averages(self, draws: Any) -> Averages:
        away = draws.values("x") - self.loc
        white = away @ np.linalg.inv(self.root).T
        return {
            "mean": (away, np.zeros(5)),
            "variance": (away**2, self.covariance.diagonal()),
            "white variance": (white**2, np.ones(5)),
            "covariance": (white[..., :-1] * white[..., 1:], np.zeros(4)),
        }


class Regression(Known):
    """Three coefficients, two of whose columns nearly agree; unit noise, normal prior."""

    source = """
def model(X, y):
    beta = pyro.sample("beta", dist.Normal(0.0, 5.0).expand([3]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(X @ beta, 1.0), obs=y)
"""

    def __init__(self) -> None:
        source = np.random.default_rng(5)
        design = source.standard_normal((40, 3))
        design[:, 2] += 3 * design[:, 1]
        y = design @ [1.0, -2.0, 0.5] + source.standard_normal(40)
        self.covariance = np.linalg.inv(design.T @ design + np.eye(3) / 25)
        self.mean = self.covariance @ design.T @ y
        self.data = {"X": design.tolist(), "y": y.tolist()}

    def averages(self, draws: Any) -> Averages:
        away = draws.values("beta") - self.mean
        return {
            "mean": (away, np.zeros(3)),
            "variance": (away**2, self.covariance.diagonal()),
            "covariance": (away[..., 1] * away[..., 2], self.covariance[1, 2]),
        }


class Banana(Known):
    """A normal bent along a parabola."""

    source = """
def model(curve):
    x = pyro.sample("x", dist.Normal(0.0, 1.0))
    y = pyro.sample("y", dist.Normal(curve * x * x, 1.0))
    pyro.factor("nothing", 0.0 * y)
"""

    def __init__(self) -> None:
        self.data = {"curve": 0.5}

    def averages(self, draws: Any) -> Averages:
        x, y = draws.values("x"), draws.values("y")
        return {
            "mean": (np.stack([x, y], 2), [0.0, 0.5]),
            "variance": (np.stack([x**2, (y - 0.5) ** 2], 2), [1.0, 1.5]),
            "across": ((y - 0.5 * x**2) ** 2, 1.0),
            "bend": (x**2 * y, 1.5),  # E x^2 y = 0.5 E x^4
        }


class StudentT(Known):
    """Four heavy-tailed coordinates, ten degrees of freedom: of fewer than nine, the error of a
    variance has no variance itself, and no bound in its units holds."""

    source = """
def model(df):
    x = pyro.sample("x", dist.StudentT(df, 0.0, 1.0).expand([4]).to_event(1))
    pyro.factor("nothing", 0.0 * x[0])
"""
    #: The 95 % quantile.
    far = 1.812461123

    def __init__(self) -> None:
        self.data = {"df": 10.0}

    def averages(self, draws: Any) -> Averages:
        x = draws.values("x")
        return {
            "mean": (x, np.zeros(4)),
            "variance": (x**2, np.full(4, 1.25)),
            "tails": ((abs(x) > self.far).astype(float), np.full(4, 0.1)),
        }


#: Neal's funnel in ten dimensions, centred.
FUNNEL = """
def model(scale):
    v = pyro.sample("v", dist.Normal(0.0, scale))
    x = pyro.sample("x", dist.Normal(0.0, torch.exp(v / 2)).expand([9]).to_event(1))
    pyro.factor("nothing", 0.0 * v)
"""
#: Half normals: the logarithm of a negative number is not one.
WALL = """
def model(scale):
    x = pyro.sample("x", dist.Normal(0.0, scale).expand([2]).to_event(1))
    pyro.factor("wall", 0.0 * torch.log(x).sum())
"""
#: Finite at a half alone, where every chain starts, and so steep that the smallest step leaves it.
NEEDLE = """
def model(at):
    x = pyro.param("x", torch.tensor(0.5))
    pyro.factor("needle", torch.where(x == at, 1e30 * (x - at), torch.log(-1.0 - x * x)))
"""
LOGISTIC = """
def model(X, y):
    a = pyro.sample("a", dist.Normal(0.0, 5.0))
    beta = pyro.sample("beta", dist.Normal(0.0, 2.5).expand([4]).to_event(1))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=a + X @ beta), obs=y)
"""


@lru_cache
def known(name: str) -> Known:
    """Return a model of a known posterior by name."""
    return KNOWN[name]()


KNOWN: dict[str, type[Known]] = {
    "gaussian": Gaussian, "regression": Regression, "banana": Banana, "student_t": StudentT,
}  # fmt: skip


def density_of(name: str, tier: str, precision_name: PrecisionName = "float64") -> TracedDensity:
    """Return the density of a model of a known posterior."""
    model = known(name)
    return posted(model.source, model.data, tier, precision_name)


def logistic_data() -> dict[str, Any]:
    """Return 300 rows of four columns, the last of which is far from centred."""
    source = np.random.default_rng(8)
    design = source.standard_normal((300, 4))
    logits = 0.5 + design @ [1.0, -0.5, 0.0, 0.7]
    design[:, 3] += 10.0
    y = source.random(300) < 1 / (1 + np.exp(-logits))
    return {"X": design.tolist(), "y": y.astype(int).tolist()}
