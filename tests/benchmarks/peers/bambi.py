"""Bambi: the mixed model of `mixed.py` by its formula, on PyMC's NUTS with their defaults."""

import os
from collections.abc import Mapping

import bambi
import pandas as pd

from tests.benchmarks import mixed
from tests.benchmarks.mixed import SEED, Array, Posterior, Size
from tests.benchmarks.peers.sampler import CHAINS


def fit(size: Size, data: Mapping[str, Array]) -> Posterior:
    """Fit the formula by four chains, as many at a time as there are cores."""
    frame = pd.DataFrame({name: values for name, values in data.items() if name != "g"})
    frame["g"] = [mixed.label(group) for group in data["g"]]
    model = bambi.Model(mixed.FORMULA, frame, family=mixed.FAMILY)
    found = model.fit(
        draws=size.draws,
        tune=size.draws,
        chains=CHAINS,
        cores=os.cpu_count(),
        random_seed=SEED,
        progressbar=False,
    ).posterior
    return Posterior(
        x=found["x"].values,
        z=found["z"].values,
        deviation=found["1|g_sigma"].values,
        effects=found["1|g"].values,
        intercept=found["Intercept"].values,
    )


if __name__ == "__main__":
    mixed.serve(fit, ("bambi", "pymc", "pytensor"))
