"""The demonstration: three fits over REST, each checked against what is known about it."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from services.cli.plot import curve
from services.cli.tables import print_result
from services.client.client import Client
from services.client.errors import ClientError

#: Speed in miles per hour and stopping distance in feet of 50 cars (Ezekiel, 1930; R's `cars`).
SPEED = [
    *[4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15],
    *[15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24],
    *[24, 25],
]
DISTANCE = [
    *[2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20],
    *[26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92],
    *[93, 120, 85],
]

LINE = {
    "language": "graph",
    "plates": {"car": "len(distance)"},
    "sites": [
        {"name": "intercept", "parameter": {}},
        {"name": "slope", "parameter": {}},
        {"name": "sigma", "parameter": {"support": "positive"}},
        {
            "name": "stop",
            "distribution": "Normal",
            "args": {"loc": "intercept + slope * speed", "scale": "sigma"},
            "plates": ["car"],
            "observed": "distance",
        },
    ],
}

#: Effects of coaching in eight schools (Rubin, 1981), non-centred.
SCHOOLS = {
    "language": "pyro",
    "source": """\
def eight_schools(y, sigma):
    mu = pyro.sample("mu", dist.Normal(0., 5.))
    tau = pyro.sample("tau", dist.HalfCauchy(5.))
    with pyro.plate("school", len(y)):
        eta = pyro.sample("eta", dist.Normal(0., 1.))
        theta = pyro.deterministic("theta", mu + tau * eta)
        pyro.sample("effect", dist.Normal(theta, sigma), obs=y)
""",
}
EFFECTS = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}


class DemoError(ClientError):
    """The service answered, but not with what is known to be right."""


def run(console: Console, url: str) -> list[dict[str, Any]]:
    """Fit a regression by maximum likelihood, then eight schools by VI and by NUTS.

    Args:
        console: where to write.
        url: the service.

    Returns:
        The three results.

    Raises:
        DemoError: a number is off.
    """
    with Client(url) as client:
        console.rule("Stopping distances of 50 cars: maximum likelihood")
        line = _fit(client, LINE, {"speed": SPEED, "distance": DISTANCE}, {"kind": "mle"})
        print_result(console, line)
        check_line(line)

        console.rule("Eight schools: variational inference")
        guide = _fit(client, SCHOOLS, EFFECTS, {"kind": "vi", "guide": "full_rank"})
        _draw_trace(console, guide)
        print_result(console, guide)
        _check_schools(guide, within=1.5)

        console.rule("Eight schools: NUTS")
        nuts = {"kind": "nuts", "chains": 4, "warmup": 500, "draws": 1000, "target_accept": 0.9}
        chains = _fit(client, SCHOOLS, EFFECTS, nuts)
        print_result(console, chains)
        _check_schools(chains, within=0.5)
        worst = largest(entry["r_hat"] for entry in chains["summary"].values())
        _demand(worst < 1.01, f"the largest R-hat is {worst:.4f}, not below 1.01")
        console.print(f"largest R-hat {worst:.4f}: all chains agree")
    return [line, guide, chains]


def _fit(
    client: Client, model: Mapping[str, Any], data: Mapping[str, Any], engine: Mapping[str, Any]
) -> dict[str, Any]:
    job = client.submit(model, data, engine, seed=20261)
    ended = client.wait(job, timeout=300.0, progress=True)
    reason = (ended.get("error") or {}).get("detail", "")
    _demand(ended["state"] == "succeeded", f"the {engine['kind']} job {ended['state']}: {reason}")
    return client.result(job)


def _draw_trace(console: Console, result: Mapping[str, Any]) -> None:
    trace = [value for value in result["elbo"]["trace"] if value is not None]
    _demand(len(trace) > 1, "there is no ELBO trace")
    encoding = getattr(console.file, "encoding", None) or sys.stdout.encoding
    console.print("ELBO over the steps of the fit")
    for line in curve(trace, encoding=encoding):
        console.print(line)


def least_squares(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Return slope, its maximum-likelihood standard error, and the log likelihood of a line."""
    count, x_mean, y_mean = len(x), sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - x_mean) ** 2 for a in x)
    slope = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)) / spread
    rest = [b - y_mean - slope * (a - x_mean) for a, b in zip(x, y, strict=True)]
    variance = sum(r * r for r in rest) / count
    log_likelihood = -0.5 * count * (math.log(2 * math.pi * variance) + 1)
    return slope, math.sqrt(variance / spread), log_likelihood


def check_line(result: Mapping[str, Any]) -> None:
    """Compare a fit of the stopping distances with least squares.

    Raises:
        DemoError: a number is off.
    """
    slope, error, log_likelihood = least_squares(SPEED, DISTANCE)
    found = result["mle"]["estimate"]["slope"]
    _demand(result["outcome"] == "converged", f"the fit ended as {result['outcome']}")
    for name, value, known in (
        ("slope", found["value"], slope),
        ("standard error of the slope", found["standard_error"], error),
        ("log likelihood", result["mle"]["log_likelihood"], log_likelihood),
    ):
        close = value is not None and math.isclose(value, known, rel_tol=1e-4)
        _demand(close, f"the {name} is {value}, by least squares {known:.6f}")


def _check_schools(result: Mapping[str, Any], *, within: float) -> None:
    # The mean of mu over 10 000 reference draws (posteriordb) is 4.4, its sd 3.3.
    mean = result["summary"]["mu"]["mean"]
    _demand(abs(mean - 4.4) < within, f"the mean of mu is {mean:.2f}, the reference is 4.4")


def largest(values: Any) -> float:
    """Return the largest number in nested lists; -inf where there is none."""
    if values is None:
        return -math.inf
    if isinstance(values, float | int):
        return float(values)
    return max((largest(value) for value in values), default=-math.inf)


def _demand(condition: bool, sentence: str) -> None:
    if not condition:
        raise DemoError(sentence)
