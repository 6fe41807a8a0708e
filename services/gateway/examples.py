"""Examples in the OpenAPI document: one job for every engine."""

from collections.abc import Sequence
from typing import Any

#: Rubin (1981), in the non-centred form of Gelman et al., Bayesian Data Analysis, section 5.5.
EIGHT_SCHOOLS: dict[str, Any] = {
    "language": "graph",
    "plates": {"school": "len(y)"},
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "tau", "distribution": "HalfCauchy", "args": {"scale": 5}},
        {
            "name": "eta",
            "distribution": "Normal",
            "args": {"loc": 0, "scale": 1},
            "plates": ["school"],
        },
        {"name": "theta", "value": "mu + tau * eta"},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "theta", "scale": "sigma"},
            "plates": ["school"],
            "observed": "y",
        },
    ],
}
DATA: dict[str, Any] = {
    "y": [28, 8, -3, 7, -1, 1, 18, 12],
    "sigma": [15, 10, 16, 11, 9, 11, 10, 18],
}

#: The same as a Stan program.
STAN_SCHOOLS: dict[str, Any] = {
    "language": "stan",
    "source": (
        "data {\n"
        "  int<lower=0> N;\n"
        "  vector[N] y;\n"
        "  vector<lower=0>[N] sigma;\n"
        "}\n"
        "parameters {\n"
        "  real mu;\n"
        "  real<lower=0> tau;\n"
        "  vector[N] eta;\n"
        "}\n"
        "transformed parameters {\n"
        "  vector[N] theta = mu + tau * eta;\n"
        "}\n"
        "model {\n"
        "  mu ~ normal(0, 5);\n"
        "  tau ~ cauchy(0, 5);\n"
        "  eta ~ std_normal();\n"
        "  y ~ normal(theta, sigma);\n"
        "}\n"
    ),
}

#: The same as a data set, with a text column.
DATASET_JSON: dict[str, Any] = {**DATA, "school": ["A", "B", "C", "D", "E", "F", "G", "H"]}
DATASET_CSV = "y,sigma,school\n28,15,A\n8,10,B\n-3,16,C\n7,11,D\n-1,9,E\n1,11,F\n18,10,G\n12,18,H\n"

#: A regression, for the engines that look for a maximum: eight schools has none.
_LINE: dict[str, Any] = {
    "language": "pyro",
    "source": (
        "def model(x, y):\n"
        "    a = pyro.sample('a', dist.Normal(0., 10.))\n"
        "    b = pyro.sample('b', dist.Normal(0., 10.))\n"
        "    s = pyro.sample('s', dist.HalfNormal(10.))\n"
        "    with pyro.plate('row', len(y)):\n"
        "        pyro.sample('y', dist.Normal(a + b * x, s), obs=y)\n"
    ),
}
_POINTS: dict[str, Any] = {"x": [1, 2, 3, 4, 5], "y": [2.1, 3.9, 6.2, 7.8, 10.1]}

#: Options worth showing; an engine without an entry is shown with its defaults.
_OPTIONS: dict[str, dict[str, Any]] = {
    "mle": {"optimizer": "lbfgs", "restarts": 4},
    "map": {"optimizer": "lbfgs"},
    "laplace": {"draws": 2000},
    "pathfinder": {"paths": 8, "draws": 2000},
    "vi": {"guide": "full_rank", "steps": 5000},
    "svgd": {"particles": 200},
    "hmc": {"chains": 4, "warmup": 500, "draws": 500},
    "nuts": {"chains": 4, "warmup": 500, "draws": 500, "target_accept": 0.9},
    "stan": {"chains": 4, "warmup": 500, "draws": 500},
}


def jobs(kinds: Sequence[str]) -> dict[str, Any]:
    """Return an example job by engine."""
    return {kind: _job(kind) for kind in kinds}


def _job(kind: str) -> dict[str, Any]:
    model, data = EIGHT_SCHOOLS, DATA
    if kind in ("mle", "map"):
        model, data = _LINE, _POINTS
    elif kind == "stan":
        model, data = STAN_SCHOOLS, {"N": len(DATA["y"]), **DATA}
    return {
        "model": model,
        "data": data,
        "engine": {"kind": kind, **_OPTIONS.get(kind, {})},
        "seed": 7,
        "labels": {"study": "example"},
    }
