"""A file system that is small enough to fill, in memory."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: Bytes written at a time while it is filled.
_CHUNKS = (1 << 20, 1 << 12, 1)


class Disk:
    """A mounted file system of so many bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room for a byte."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in _CHUNKS:
                with contextlib.suppress(_Full):
                    while True:
                        _write(file.fileno(), b"\0" * size)

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


class _Full(Exception):
    """There is no room for all of it."""


def _write(descriptor: int, content: bytes) -> None:
    try:
        if os.write(descriptor, content) < len(content):
            raise _Full
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _Full from error


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk | None]:
    """Mount one in a folder while the block lasts; None where that is not allowed.

    Args:
        folder: where; made if it is missing.
        size: in bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs"]
    mounted = subprocess.run(["mount", *options, str(folder)], capture_output=True)
    if mounted.returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # Lazily: a process that is about to end may still have a file open.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
