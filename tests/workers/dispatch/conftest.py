"""Fixtures of dispatch: a house on SQLite, and one Ray cluster for the session."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.dispatch.house import House
from workers.dispatch.cluster import ClusterBackend
from workers.dispatch.connection import Connection

#: Of the dispatcher's environment; no worker may know it.
SECRET = "postgresql://nobody:hush@nowhere/x"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ClusterBackend]:
    """A pool of two warm workers on a Ray cluster of its own.

    `ray.init` takes seconds, so there is one for the session.
    """
    # Short, or Ray's sockets would lie outside it.
    with tempfile.TemporaryDirectory(prefix="credence-") as home:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CREDENCE_DATABASE", SECRET)
            # Where there is no GPU, Ray takes our word for it, and torch does not.
            connection = Connection("local", Path(home), cpus=2, gpus=1)
        backend = ClusterBackend(connection, workers=2, threads=1, jobs_per_worker=50)
        yield backend
        backend.close()
        assert list((Path(home) / "ray").iterdir()) == [], "nothing stays behind"


@pytest.fixture
def warm_cluster(ray_cluster: ClusterBackend) -> ClusterBackend:
    """The same, once all of its workers are warm: a test before may have killed one."""
    end = time.monotonic() + 120
    while ray_cluster.free() < 2 or (not ray_cluster.free(gpus=1) and not _is_blind(ray_cluster)):
        assert time.monotonic() < end, "workers do not start"
        time.sleep(0.05)
    return ray_cluster


def _is_blind(cluster: ClusterBackend) -> bool:
    return "GPU" in (cluster.trouble() or "")
