"""A wall clock that jumps, for the processes that are started with it.

Linux has no wall clock per process or container, and this machine's is everybody's. So a library
that is loaded before all others adds seconds to what the gateway and the dispatcher are told; see
`clock.cpp`.
"""

import struct
import subprocess
from pathlib import Path

from models.toolchain import find_compiler

SOURCE = Path(__file__).with_name("clock.cpp")
HOUR = 3600


class Clock:
    """Seconds in a file that all processes of a service share."""

    def __init__(self, folder: Path) -> None:
        """Compile the library; the clock is right at first.

        Args:
            folder: for library and file.
        """
        compiler = find_compiler()
        assert compiler is not None, "no C++ compiler"
        self._library = folder / "clock.so"
        self._seconds = folder / "clock.seconds"
        command = [compiler, "-shared", "-fPIC", "-O2", str(SOURCE), "-o", str(self._library)]
        subprocess.run([*command, "-ldl"], check=True)
        self.shift = 0
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that a process is to be started with."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._seconds)}

    def jump(self, seconds: int) -> None:
        """Move the clock on, or back."""
        self.shift += seconds
        # In place: the file is mapped.
        mode = "r+b" if self._seconds.exists() else "wb"
        with self._seconds.open(mode) as file:
            file.write(struct.pack("=q", self.shift))
