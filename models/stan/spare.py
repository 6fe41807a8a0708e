"""A process that waits for a program: starting one takes longer than compiling what it is for."""

import contextlib
import threading

from models.errors import ModelError
from models.stan.link import Link, Means


class Spare:
    """At most one process that has seen no program yet; safe to use from many threads.

    A process is confined before it sees a program and sees one program alone, whoever sent it, so
    one that was started beforehand is as good as a new one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting: threading.Thread | None = None
        self._link: Link | None = None

    def take(self, means: Means) -> Link:
        """Return a process with these means: the one that waits, or a new one.

        Raises:
            UnavailableError: the library is not installed.
        """
        with self._lock:
            starting, self._starting = self._starting, None
        if starting is not None:
            starting.join()
        with self._lock:
            link, self._link = self._link, None
        if link is None:
            return Link(means)
        if link.means == means and link.alive:
            return link
        link.close()
        return Link(means)

    def prepare(self, means: Means) -> None:
        """Start a process in the background, unless one waits already."""
        with self._lock:
            if self._starting is not None or self._link is not None:
                return
            # A daemon: whoever ends does not wait for it.
            starting = threading.Thread(
                target=self._start, args=(means,), name="spare", daemon=True
            )
            # There may be no memory for a thread; then there is none for a process either.
            with contextlib.suppress(RuntimeError):
                starting.start()
                self._starting = starting

    def _start(self, means: Means) -> None:
        try:
            link = Link(means)
        except (ModelError, OSError):
            # Whoever takes one then starts it, and hears why that fails.
            return
        with self._lock:
            self._link = link
