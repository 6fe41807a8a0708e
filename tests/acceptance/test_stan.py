"""The published posteriors as Stan programs: our sampler on the library's density meets them."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from models.toolchain import default_cache, find_compiler
from tests.acceptance.posteriors import NAMES, reference
from tests.acceptance.test_posteriors import QUANTILES, entry, quantile_error
from tests.benchmarks.basket import ROWS
from tests.benchmarks.stan_programs import source, with_sizes
from tests.models.stan.programs import built
from tests.workers.engines.runs import finished
from workers.engines.chees import CheesOptions

#: Standard errors: some 250 numbers are compared over all posteriors.
LIMIT = 4.5


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_posterior_of_a_program_is_the_published_one(name: str) -> None:
    row = ROWS[name]
    density = built(source(row), with_sizes(row.data()))
    if find_compiler() is not None:
        density.compile(default_cache())
    done = finished(CheesOptions(warmup=200, draws=100), density)
    misses = {}
    for (parameter, index), published in reference(name).items():
        draws = np.ascontiguousarray(entry(done.draws.values(parameter), index))
        error = np.hypot(
            float(array_stats.mcse(draws, method="mean")),
            published.sd / np.sqrt(published.draws),
        )
        misses[parameter, index, "mean"] = abs(draws.mean() - published.mean) / error
        for field, probability in QUANTILES.items():
            distance = abs(np.quantile(draws, probability) - getattr(published, field))
            error = quantile_error(draws, probability, published)
            misses[parameter, index, field] = distance / error
    worst = max(misses, key=lambda key: misses[key])
    assert misses[worst] < LIMIT, (worst, misses[worst])
    density.close()
