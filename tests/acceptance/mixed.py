"""Mixed models that Bambi has drawn from too: formulas, priors, and data from fixed seeds.

`data/mixed/NAME.json` holds what it found; `bambi_reference.py` drew it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

REFERENCES = Path(__file__).parent / "data" / "mixed"


@dataclass(frozen=True)
class Mixed:
    """One model."""

    formula: str
    family: str
    #: By our name of an unknown: the distribution and its arguments, by our names.
    priors: Mapping[str, tuple[str, Mapping[str, float]]]
    data: Callable[[], dict[str, Array]]
    #: By our name of a quantity (a slope by its place), Bambi's.
    names: Mapping[tuple[str, int | None], str]

    def definition(self) -> dict[str, Any]:
        """Return it as posted."""
        priors = {
            name: {"distribution": distribution, "args": dict(args)}
            for name, (distribution, args) in self.priors.items()
        }
        return {
            "language": "formula",
            "formula": self.formula,
            "family": self.family,
            "priors": priors,
        }


def _grouped(groups: int, rows: int, seed: int) -> tuple[np.random.Generator, Array, Array, Array]:
    """Return a generator, the groups' codes and names by row, and a predictor of mean 0.

    A mean of 0 makes the intercept the same whether or not predictors are centred.
    """
    draw = np.random.default_rng(seed)
    code = np.repeat(np.arange(groups), rows)
    x = draw.standard_normal(groups * rows)
    return draw, code, np.array([f"g{n:02d}" for n in code]), x - x.mean()


def _reactions() -> dict[str, Array]:
    draw, code, g, x = _grouped(groups=18, rows=10, seed=18)
    start, slope = 2 + draw.standard_normal(18), 0.7 + 0.5 * draw.standard_normal(18)
    y = start[code] + slope[code] * x + 0.8 * draw.standard_normal(len(x))
    return {"y": y, "x": x, "g": g}


def _clinics() -> dict[str, Array]:
    draw, code, g, x = _grouped(groups=20, rows=15, seed=20)
    eta = -0.4 + 0.9 * x + 0.8 * draw.standard_normal(20)[code]
    y = (draw.random(len(x)) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    return {"y": y, "x": x, "g": g}


_INTERCEPT = {"Intercept": ("Normal", {"loc": 0.0, "scale": 5.0})}
_SLOPE = {"x": ("Normal", {"loc": 0.0, "scale": 2.0})}
_SD = {"sd": ("HalfNormal", {"scale": 2.0})}
_SIGMA = {"sigma": ("HalfStudentT", {"df": 4.0, "scale": 1.0})}
_POPULATION = {("Intercept", None): "Intercept", ("beta", 0): "x"}
_BY_GROUP = {("sd_g", None): "1|g_sigma", ("effect_g", None): "1|g"}

MIXED = {
    "reactions": Mixed(
        "y ~ x + (1 | g) + (0 + x | g)",
        "gaussian",
        {**_INTERCEPT, **_SLOPE, **_SD, **_SIGMA},
        _reactions,
        {
            **_POPULATION,
            **_BY_GROUP,
            ("sd_g_2", None): "x|g_sigma",
            ("effect_g_2", None): "x|g",
            ("sigma", None): "sigma",
        },
    ),
    "clinics": Mixed(
        "y ~ x + (1 | g)",
        "bernoulli",
        {**_INTERCEPT, **_SLOPE, **_SD},
        _clinics,
        {**_POPULATION, **_BY_GROUP},
    ),
}
