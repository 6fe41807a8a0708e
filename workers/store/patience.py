"""Patience with a full disk: whoever runs the service will make room, and work need not be lost."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from workers.store.errors import StorageFullError

#: What a system says where there is no room: on the disk, or in a user's share of it.
FULL = (errno.ENOSPC, errno.EDQUOT)
#: Seconds between two tries.
PAUSE = 0.5

#: Called where there is no room; returns when it may be tried again, or raises.
Wait = Callable[[], None]

T = TypeVar("T")


@contextmanager
def told_when_full() -> Iterator[None]:
    """Let a full disk be a `StorageFullError`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFullError from error
        raise


class Patience:
    """Waits for room until somebody asks for an end."""

    def __init__(self, stopped: Callable[[], bool], tell: Callable[[], None]) -> None:
        """Make one for a run.

        Args:
            stopped: whether the run is to end.
            tell: called at the first wait.
        """
        self._stopped = stopped
        self._tell = tell
        self._told = False

    def wait(self) -> None:
        """Wait a little.

        Raises:
            StorageFullError: the run is to end.
        """
        if self._stopped():
            raise StorageFullError
        if not self._told:
            self._told = True
            self._tell()
        time.sleep(PAUSE)

    def through(self, write: Callable[[], T]) -> T:
        """Return what a write of all or nothing returns, repeated until there is room.

        Raises:
            StorageFullError: the run is to end.
        """
        while True:
            try:
                return write()
            except StorageFullError:
                self.wait()
