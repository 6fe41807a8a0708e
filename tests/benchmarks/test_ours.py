"""Our side of the benchmarks."""

from pathlib import Path

import pytest

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.toolchain import find_compiler
from models.traced import TracedDensity
from tests.benchmarks.ours import await_compiler
from tests.workers.engines.test_nuts_on_models import DATA, EIGHT_SCHOOLS
from workers.tier import Tier


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
def test_what_follows_a_cold_run_is_compiled(tmp_path: Path) -> None:
    density = compile_model(parse_definition(EIGHT_SCHOOLS), load_data(dict(DATA)))
    assert isinstance(density, TracedDensity)
    tier = Tier(density, tmp_path, wish="auto", compiled_from=None)
    tier.start()
    assert not density.native_program().ready(tmp_path)
    await_compiler()
    assert density.native_program().ready(tmp_path)
