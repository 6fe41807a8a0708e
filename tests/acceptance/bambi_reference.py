"""Draws the reference posteriors of mixed models by Bambi, in the environment of the benchmarks.

    .venv-bench/bin/python -m tests.acceptance.bambi_reference

Writes `data/mixed/NAME.json`: for every entry its mean and its 5 %, 50 % and 95 % quantiles, each
with its Monte Carlo error.
"""

import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import bambi
import numpy as np
import pandas as pd
from arviz_stats.base import array_stats

from tests.acceptance.mixed import MIXED, REFERENCES, Mixed

CHAINS, WARMUP, DRAWS, SEED = 4, 2000, 10_000, 20_261_126
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}
#: Our names of distributions' arguments, and PyMC's.
_ARGUMENTS = {"loc": "mu", "scale": "sigma", "df": "nu"}


def prior(distribution: str, args: Mapping[str, float]) -> bambi.Prior:
    """Return a prior as Bambi has it."""
    return bambi.Prior(distribution, **{_ARGUMENTS[name]: value for name, value in args.items()})


def priors(model: Mixed) -> dict[str, Any]:
    """Return a model's priors by Bambi's names."""
    found: dict[str, Any] = {
        name: prior(*given) for name, given in model.priors.items() if name != "sd"
    }
    for name in model.names.values():
        if name.endswith("|g"):
            deviation = prior(*model.priors["sd"])
            found[name] = bambi.Prior("Normal", mu=0, sigma=deviation)
    return found


def summary(draws: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the numbers of one entry, `C x N`."""
    found = {"mean": float(draws.mean())}
    found["mean_error"] = float(array_stats.mcse(draws, method="mean"))
    for name, probability in QUANTILES.items():
        found[name] = float(np.quantile(draws, probability))
        error = array_stats.mcse(draws, method="quantile", prob=probability)
        found[f"{name}_error"] = float(error)
    return found


def reference(model: Mixed) -> dict[str, list[dict[str, float]]]:
    """Draw from a model; return the numbers of every entry by Bambi's names."""
    frame = pd.DataFrame(model.data())
    fitted = bambi.Model(model.formula, frame, family=model.family, priors=priors(model)).fit(
        draws=DRAWS,
        tune=WARMUP,
        chains=CHAINS,
        cores=os.cpu_count(),
        random_seed=SEED,
        progressbar=False,
        target_accept=0.95,
    )
    found = {}
    for name in model.names.values():
        values = np.asarray(fitted.posterior[name].values, dtype=np.float64)
        entries = values.reshape(*values.shape[:2], -1)
        found[name] = [summary(entries[..., n]) for n in range(entries.shape[-1])]
    return found


def main() -> None:
    """Write every reference."""
    REFERENCES.mkdir(exist_ok=True)
    by = {name: version(name) for name in ("bambi", "pymc")}
    for name, model in MIXED.items():
        document = {"by": by, "reference": reference(model)}
        (REFERENCES / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
        print(f"{name}: drawn", flush=True)


if __name__ == "__main__":
    main()
