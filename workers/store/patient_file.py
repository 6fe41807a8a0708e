"""A file that grows, and on a full disk waits for room instead of losing what it is given."""

import os
from io import RawIOBase
from pathlib import Path
from typing import Any

from workers.store.errors import StorageFullError
from workers.store.patience import FULL, Wait


class PatientFile(RawIOBase):
    """An unbuffered file, written from its beginning."""

    def __init__(self, path: Path, wait: Wait | None = None) -> None:
        """Create or empty the file.

        Args:
            path: where.
            wait: see `Wait`; None: a full disk is an error at once.
        """
        self._wait = wait
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, data: Any) -> int:
        """Write all of the bytes.

        Raises:
            StorageFullError: there is no room, and nobody waits for it any more.
        """
        whole = memoryview(data).cast("B")
        left = whole
        while left:
            try:
                # Where there is room for a part, that part is written and counted.
                left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                if error.errno not in FULL:
                    raise
                if self._wait is None:
                    raise StorageFullError from error
                self._wait()
        return len(whole)

    def close(self) -> None:
        """Close it; only the first call counts."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)
