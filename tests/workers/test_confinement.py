"""A confined process, each in a child of its own: limits cannot be raised again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workers import confinement
from workers.confinement import address_space, machine_memory, memory_kills, peak_memory, sizes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")

MIB = 1 << 20


def child(text: str) -> Any:
    """Run a text in a fresh interpreter; it prints one JSON value."""
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)


def test_more_memory_than_allowed_is_an_error_of_python() -> None:
    text = (
        "import json, numpy as np\n"
        "from workers.confinement import confine\n"
        f"confine({200 * MIB})\n"
        f"np.ones({100 * MIB}, np.uint8)\n"
        "try:\n"
        f"    np.ones({300 * MIB}, np.uint8); print('true')\n"
        "except MemoryError:\n"
        "    print('false')\n"
    )
    assert child(text) is False


def test_privileges_cannot_be_gained() -> None:
    text = (
        "import json\n"
        "from workers.confinement import confine\n"
        "found = confine()\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(json.dumps([found.privileges, status['NoNewPrivs'].strip()]))\n"
    )
    assert child(text) == [False, "1"]


def test_a_limit_that_was_there_is_not_raised() -> None:
    text = (
        "import json, resource\n"
        "from workers.confinement import confine\n"
        "most = 8 << 30\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "confine(1 << 50)\n"
        "print(json.dumps(resource.getrlimit(resource.RLIMIT_AS)[1] - most))\n"
    )
    assert child(text) == 0


def test_sizes_are_read() -> None:
    there, taken = machine_memory(), address_space()
    assert there is not None
    assert taken is not None
    assert 64 * MIB < peak_memory() < there
    assert peak_memory() < taken


def test_those_that_the_system_killed_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory_kills() is not None
    container, machine = tmp_path / "memory.events", tmp_path / "vmstat"
    monkeypatch.setattr(confinement, "_KILLS", (container, machine))
    assert memory_kills() is None
    machine.write_text("nr_free_pages 7\noom_kill 4\n")
    assert memory_kills() == 4
    container.write_text("low 0\nhigh 3\noom 2\noom_kill 1\n")
    assert memory_kills() == 5
    container.write_text("nothing of the kind\n")
    assert memory_kills() == 4


def test_sizes_are_told_in_words() -> None:
    assert sizes(3 << 29, 16 << 30) == " (it held 1.5 GiB at most, of 16.0 GiB there)"
    assert sizes(1 << 30, None) == " (it held 1.0 GiB at most)"
