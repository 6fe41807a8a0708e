"""Native code for the tests: one cache for the session, and the functions of all rules compiled."""

import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.models.native.rules import cases
from tests.models.native.trials import DTYPES, Compiled


@pytest.fixture(scope="session")
def native_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's shared objects are kept."""
    return tmp_path_factory.mktemp("native")


@pytest.fixture(scope="session")
def rules_compiled(native_cache: Path) -> Mapping[torch.dtype, Compiled]:
    """Every case of every rule, one translation unit a dtype."""
    with warnings.catch_warnings():
        # Torch warns where it divides by nothing.
        warnings.filterwarnings("ignore", message="var\\(\\)", category=UserWarning)
        units = {dtype: Compiled(cases(dtype), dtype, native_cache, False) for dtype in DTYPES}
    with ThreadPoolExecutor(len(units)) as pool:
        list(pool.map(Compiled.build, units.values()))
    return units
