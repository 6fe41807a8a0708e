"""A process that is killed with SIGKILL while it computes, and another that goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from services.processes import end_with_parent
from tests.workers.dispatch.house import House
from workers.execute import execute
from workers.store.draws import ArrowDraws
from workers.unattended import Unattended

ENGINE = {"kind": "nuts", "chains": 2, "warmup": 30, "draws": 350, "max_tree_depth": 3}
#: A worker's process that keeps a checkpoint after every step.
CHILD = """
import sys
import torch
from workers.checkpoints import keeper
from workers.dispatch.task import Task
from workers.execute import execute
from workers.unattended import Unattended

torch.set_num_threads(1)
keeper.EVERY = keeper.WHOLE = keeper.REST = 0.0
execute(Task.model_validate_json(sys.stdin.read()), lambda kind, payload: None, Unattended())
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    first = house.task(ENGINE, tier="interpreted")
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD], stdin=subprocess.PIPE, preexec_fn=end_with_parent
    )
    assert child.stdin is not None
    child.stdin.write(first.model_dump_json().encode())
    child.stdin.close()
    end = time.monotonic() + 120
    while ArrowDraws(house.artifacts, first.prefix).draws < 100:
        assert child.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    again = first.model_copy(update={"token": 2, "prefix": "jobs/job/2"})
    events: list[dict[str, object]] = []
    execute(again, lambda kind, payload: events.append(payload), Unattended())
    assert any("goes on from step" in str(event.get("message")) for event in events)
    whole = first.model_copy(update={"job": "whole", "prefix": "jobs/whole/1"})
    execute(whole, lambda kind, payload: None, Unattended())
    here, there = (ArrowDraws(house.artifacts, task.prefix) for task in (again, whole))
    np.testing.assert_array_equal(here.values("mu"), there.values("mu"))
    assert here.draws == 350
    house.close()
