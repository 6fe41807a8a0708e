"""What a confined process may still do."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from models.stan import confinement

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="there is no filter of system calls for this machine",
)


def test_a_confined_process_computes_and_nothing_else() -> None:
    code = f"""
import os, socket, subprocess, sys
sys.path.insert(0, {str(Path(confinement.__file__).parents[2])!r})
from models.stan.confinement import confine
assert confine(1 << 30)
def refused(act):
    try:
        act()
    except PermissionError:
        return True
    return False
print([
    refused(lambda: socket.socket()),
    refused(lambda: socket.create_connection(("127.0.0.1", 9))),
    refused(lambda: open("/etc/passwd")),
    refused(lambda: os.execv("/bin/true", ["true"])),
    refused(lambda: os.kill(os.getppid(), 0)),
])
try:
    bytearray(2 << 30)
except MemoryError:
    print("memory")
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:2] == ["[True, True, True, True, True]", "memory"]


def test_the_filter_is_a_program_of_the_kernels_machine() -> None:
    steps = confinement._program("x86_64")
    assert all(len(step) == 8 for step in steps)
    # A jump leads no further than the last instruction.
    for at, step in enumerate(steps[:-2]):
        assert at + 1 + max(step[2], step[3]) < len(steps)
