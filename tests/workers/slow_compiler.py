"""A C++ compiler that never comes to an end."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.toolchain import find_compiler

#: It answers what it is asked about itself, and then sleeps over the work.
_TEXT = """#!/bin/sh
case "$1" in --version|-print-file-name=*) exec {real} "$@";; esac
echo $$ >> {begun}
exec sleep 300
"""


class SlowCompiler:
    """What is known of one: which processes it has begun."""

    def __init__(self, begun: Path) -> None:
        self._begun = begun

    def processes(self) -> list[int]:
        """Return those begun so far."""
        return [int(pid) for pid in self._begun.read_text().split()] if self._begun.exists() else []

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until it is at work."""
        end = time.monotonic() + seconds
        while not self.processes():
            assert time.monotonic() < end, "the compiler was never asked"
            time.sleep(0.01)


@contextmanager
def slow_compiler(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[SlowCompiler]:
    """Let the machine's compiler be one, with an empty cache; its processes end with the block."""
    real = find_compiler()
    if real is None:
        pytest.skip("no C++ compiler")
    program, begun = folder / "slow-compiler", folder / "begun"
    program.write_text(_TEXT.format(real=real, begun=begun))
    program.chmod(0o755)
    patch.setenv("CXX", str(program))
    patch.setenv("CREDENCE_CACHE", str(folder / "cache"))
    found = SlowCompiler(begun)
    try:
        yield found
    finally:
        for process in found.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
