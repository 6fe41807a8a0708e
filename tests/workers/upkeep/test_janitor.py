"""The janitor: collects soon, tells what, and ends when asked."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from workers.store.artifacts import Artifacts
from workers.store.store import Store, create_store
from workers.upkeep.collector import Collector
from workers.upkeep.haul import Haul
from workers.upkeep.janitor import Janitor
from workers.upkeep.policy import Policy


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = create_store(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield opened
    opened.close()


class Counted(Collector):
    """A collector that says what the test wants, the first time that it cannot."""

    def __init__(self, store: Store, artifacts: Artifacts) -> None:
        super().__init__(store, artifacts, Policy())
        self.times = 0
        self.enough = threading.Event()

    def collect(self, *, dry_run: bool = False) -> Haul:
        self.times += 1
        if self.times == 1:
            raise OSError("the disk is away")
        if self.times >= 3:
            self.enough.set()
        haul = Haul(notes=["spared"])
        haul.add("jobs", 7, 2)
        return haul


def test_it_goes_on_after_a_failure_and_counts(store: Store, tmp_path: Path) -> None:
    collector = Counted(store, Artifacts(tmp_path.as_uri()))
    janitor = Janitor(collector, store.upkeep, 0.01, first=0.0)
    with capture_logs() as logs:
        janitor.start()
        assert collector.enough.wait(10)
        janitor.close()
    actions = [line["action"] for line in logs]
    assert actions[:3] == ["fail_collection", "spare_orphans", "collect"]
    assert logs[2]["jobs"] == {"count": 2, "bytes": 7}
    counted = store.upkeep.measures()
    name, labels = "credence_collected", '{"kind":"jobs"}'
    assert counted[name, labels, ""] >= 2
    assert counted[f"{name}_bytes", labels, ""] >= 7


def test_it_may_never_collect_but_marks_what_is_ours(store: Store, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path.as_uri())
    collector = Counted(store, artifacts)
    janitor = Janitor(collector, store.upkeep, 0.0, first=0.0)
    janitor.start()
    time.sleep(0.05)
    janitor.close()
    assert collector.times == 0
    assert artifacts.list("installations") == [f"installations/{store.upkeep.installation()}"]


def test_a_store_that_takes_nothing_is_no_reason_not_to_begin(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    collector = Collector(store, Artifacts((tmp_path / "file").as_uri()), Policy())
    with capture_logs() as logs:
        janitor = Janitor(collector, store.upkeep, 3600.0)
        janitor.start()
        janitor.close()
    assert [line["action"] for line in logs] == ["mark_artifacts"]
