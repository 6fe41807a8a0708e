"""The clock jumps for the processes that it is meant for, and only for what they ask themselves."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.toolchain import find_compiler
from tests.chaos.clock import HOUR, Clock

TELL = """
import sys, time, threading
from datetime import UTC, datetime
for line in sys.stdin:
    began = time.monotonic()
    threading.Event().wait(0.01)
    assert time.monotonic() - began < 5.0
    print(datetime.now(UTC).timestamp(), time.time(), flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if find_compiler() is None:
        pytest.skip("no C++ compiler")
    return Clock(tmp_path)


def differences(clock: Clock, name: str, jumps: list[int]) -> list[float]:
    """Start a Python with a name among its arguments; return how wrong it is after each jump."""
    process = subprocess.Popen(
        [sys.executable, "-c", TELL, name],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found = []
    for jump in jumps:
        clock.jump(jump)
        process.stdin.write("\n")
        process.stdin.flush()
        told = [float(word) for word in process.stdout.readline().split()]
        found += [moment - datetime.now(UTC).timestamp() for moment in told]
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0
    return found


@pytest.mark.parametrize("name", ["workers", "services.gateway"])
def test_it_jumps_while_a_process_runs(clock: Clock, name: str) -> None:
    found = differences(clock, name, [0, HOUR, -HOUR])
    assert found == pytest.approx([0, 0, HOUR, HOUR, 0, 0], abs=5.0)


def test_other_processes_are_left_alone(clock: Clock) -> None:
    assert differences(clock, "services.cli", [HOUR]) == pytest.approx([0, 0], abs=5.0)
