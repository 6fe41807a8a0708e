"""The runtime, compiled once; pytest's own cache keeps it for the next run."""

from pathlib import Path

import pytest

from models.toolchain import find_compiler
from workers.engines.native.runtime import Runtime, load_runtime


@pytest.fixture(scope="session")
def cache_dir(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_compiler() is None:
        pytest.skip("no C++ compiler")
    if pytestconfig.cache is None:
        return tmp_path_factory.mktemp("credence-native")
    folder = pytestconfig.cache.mkdir("credence-native")
    folder.chmod(0o700)  # whatever the umask
    return folder


@pytest.fixture(scope="session")
def runtime(cache_dir: Path) -> Runtime:
    return load_runtime(cache_dir)
