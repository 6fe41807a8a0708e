"""Our own fit of the mixed model of `mixed.py`: the formula, `auto`, as a worker runs it."""

from collections.abc import Mapping

import numpy as np
import torch

from models.compile import compile_model
from models.definition import parse_definition
from models.formula.columns import Texts
from tests.benchmarks import mixed
from tests.benchmarks.mixed import SEED, Array, Posterior, Size
from tests.benchmarks.ours import DEFAULTS
from tests.benchmarks.sampled import sampled
from workers.choice import AutoOptions


def fit(size: Size, data: Mapping[str, Array]) -> Posterior:
    """Fit the formula until the draws are good enough."""
    torch.set_num_threads(DEFAULTS["threads"])
    levels, codes = np.unique([mixed.label(group) for group in data["g"]], return_inverse=True)
    definition = parse_definition(
        {"language": "formula", "formula": mixed.FORMULA, "family": mixed.FAMILY}
    )
    columns = {**data, "g": Texts(codes, tuple(map(str, levels)))}
    density = compile_model(definition, columns)
    found = sampled(density, AutoOptions(), "auto", SEED)
    beta = found.draws.values("beta")
    return Posterior(
        x=beta[..., 0],
        z=beta[..., 1],
        deviation=found.draws.values("sd_g"),
        effects=found.draws.values("effect_g"),
        intercept=found.draws.values("Intercept"),
        superchains=found.superchains,
    )


if __name__ == "__main__":
    mixed.serve(fit, ("credence-inference", "torch"))
