"""A real disk that is really full: a run waits for room, and ends in time if it is asked to."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.chaos.disk import Disk, small_disk
from tests.workers.dispatch.house import House
from workers.dispatch.task import Task
from workers.execute import execute
from workers.plan import Plan
from workers.sink import StopReason
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws
from workers.store.errors import StorageFullError

pytestmark = pytest.mark.chaos

ENGINE = {"kind": "laplace", "draws": 5000}
SIZE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", SIZE) as mounted:
        if mounted is None:
            pytest.skip("file systems cannot be mounted here")
        yield mounted


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


class Control:
    """Stops the run once it is told to."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None

    def stop(self) -> StopReason | None:
        return self.reason

    def commit(self, plan: Plan) -> bool:
        return True


def task(house: House, disk: Disk) -> Task:
    """A task whose artifacts lie on the disk."""
    made = house.task(ENGINE, tier="interpreted")
    artifacts = Artifacts(disk.folder.as_uri())
    artifacts.put(made.input_key, house.artifacts.get(made.input_key))
    return made.model_copy(update={"artifacts": artifacts.url})


def test_a_full_disk_has_no_room_for_a_byte(disk: Disk) -> None:
    artifacts = Artifacts(disk.folder.as_uri())
    artifacts.put("jobs/a", b"old")
    disk.fill()
    with pytest.raises(StorageFullError):
        artifacts.put("jobs/a", b"x" * 10_000)
    assert artifacts.get("jobs/a") == b"old"
    disk.free()
    artifacts.put("jobs/a", b"new")
    assert artifacts.get("jobs/a") == b"new"


def test_a_run_goes_on_once_there_is_room(house: House, disk: Disk) -> None:
    room = threading.Timer(1.5, disk.free)
    full = task(house, disk)
    disk.fill()

    def hear(kind: str, payload: dict[str, Any]) -> None:
        if "once there is room" in str(payload.get("message")):
            # Once, or this would fail.
            room.start()

    receipt = execute(full, hear, Control())
    room.join()
    assert (receipt.state, receipt.result) == ("succeeded", True)
    whole = house.task(ENGINE, tier="interpreted")
    execute(whole, lambda kind, payload: None, Control())
    found = ArrowDraws(Artifacts(full.artifacts), full.prefix)
    expected = ArrowDraws(house.artifacts, whole.prefix)
    np.testing.assert_array_equal(found.values("mu"), expected.values("mu"))


def test_a_run_that_waits_for_room_can_be_cancelled(house: House, disk: Disk) -> None:
    control, full = Control(), task(house, disk)
    disk.fill()

    def cancel() -> None:
        control.reason = StopReason.CANCELLED

    timer = threading.Timer(1.0, cancel)
    timer.start()
    receipt = execute(full, lambda kind, payload: None, control)
    timer.join()
    assert (receipt.state, receipt.result, receipt.error) == ("cancelled", False, None)
