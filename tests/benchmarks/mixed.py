"""A logistic mixed model: its data, its formula, and what a process that fits it says.

Imported by every measured process: nothing heavy here.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FORMULA, FAMILY = "y ~ x + z + (1 | g)", "bernoulli"
SEED = 20_261_126


@dataclass(frozen=True)
class Size:
    """How large the data are, and how many draws a chain of a fixed length makes."""

    rows: int
    groups: int
    draws: int


@dataclass(frozen=True)
class Fitted:
    """One fit, as its process tells of it."""

    #: From formula and columns to the draws.
    seconds: float
    #: The smallest bulk ESS and the largest R-hat over every unknown, effects of groups included.
    ess: float
    r_hat: float
    #: Posterior means, which show that it is the same model: of the slopes and of the deviation.
    means: Mapping[str, float]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Posterior:
    """Draws by the names of the formula, `C x N x shape` each."""

    x: Array
    z: Array
    deviation: Array
    effects: Array
    intercept: Array
    #: Groups of adjacent chains that share a start; None where each has its own.
    superchains: int | None = None


def columns(size: Size) -> dict[str, Array]:
    """Return the data: numbers `x` and `z`, the group `g` as a number, and `y`."""
    draw = np.random.default_rng([SEED, size.rows, size.groups])
    x, z = draw.standard_normal((2, size.rows))
    g = draw.integers(0, size.groups, size.rows)
    # Every group is there.
    g[: size.groups] = np.arange(size.groups)
    eta = -0.5 + 0.8 * x - 0.3 * z + 0.7 * draw.standard_normal(size.groups)[g]
    y = (draw.random(size.rows) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    return {"x": x, "z": z, "g": g, "y": y}


def label(group: int) -> str:
    """Return a group's name: columns of groups are texts, as they come from files."""
    return f"g{group:05d}"


def serve(fit: Callable[[Size, Mapping[str, Array]], Posterior], packages: tuple[str, ...]) -> None:
    """Fit data of the size that the command line's one argument tells, and print a `Fitted`."""
    from tests.benchmarks.peers.quality import worst

    size = Size(**json.loads(sys.argv[1]))
    data = columns(size)
    start = time.perf_counter()
    found = fit(size, data)
    seconds = time.perf_counter() - start
    values = {name: getattr(found, name) for name in ("x", "z", "deviation", "intercept")}
    means = {name: float(draws.mean()) for name, draws in values.items()}
    values["effects"] = found.effects
    ess, r_hat = worst(values, values, found.superchains)
    versions = {name: version(name) for name in packages}
    # What else was printed stands in the lines before.
    print("\n" + json.dumps(asdict(Fitted(seconds, ess, r_hat, means, versions))), flush=True)
